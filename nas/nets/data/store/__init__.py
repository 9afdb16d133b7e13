"""Encoded images on disk: a store that is made once, memory-mapped, and decoded when images are read."""
