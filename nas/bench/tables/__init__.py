"""Latency tables built, checked and met again."""
