"""Who is told of what takes long."""

from collections.abc import Callable

Tell = Callable[[str], None]
"""Takes a line that a user reads."""


def tell_nothing(line: str) -> None:
    """Say nothing."""
