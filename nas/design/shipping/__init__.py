"""What goes beside a model file: its metadata, an example that runs it, and a README."""
