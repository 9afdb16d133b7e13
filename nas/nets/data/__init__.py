"""Data sets as tensors in three splits."""
