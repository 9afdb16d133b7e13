"""Weights: our files, other libraries' files, and what belongs to them."""
