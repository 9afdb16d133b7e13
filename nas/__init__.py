"""Hardware-aware neural architecture search: the most accurate network within a latency target."""

__version__ = "0.1.0"
