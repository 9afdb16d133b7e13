"""Changes of a network: Architecture → Architecture."""
