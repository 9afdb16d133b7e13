"""How one network is trained and evaluated."""
