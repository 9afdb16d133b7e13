"""A graph of ops as the file of each runtime."""
