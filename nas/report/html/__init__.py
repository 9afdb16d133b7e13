"""HTML, style and numbers as a page prints them."""
