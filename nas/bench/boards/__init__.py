"""Boards that one can log in to."""
