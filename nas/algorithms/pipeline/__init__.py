"""What a run does from its start to its result, and what it remembers."""
