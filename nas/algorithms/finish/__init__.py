"""From a found network to finished ones, and what they are compared with."""
