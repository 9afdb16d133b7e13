"""The file of a latency table."""
