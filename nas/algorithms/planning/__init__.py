"""How long a run will take, and how much of everything a budget allows."""
