"""What runs on a device, this machine or a board: Python 3.9, its standard library, numpy and one inference runtime."""
