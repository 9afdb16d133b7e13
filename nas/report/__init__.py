"""A run folder as one page to look at."""
