"""Networks as values: no framework, no hardware."""
