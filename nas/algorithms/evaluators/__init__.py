"""How a good architecture is told from a bad one."""
