"""What stays of the weights when a network is cut."""
