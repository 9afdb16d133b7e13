"""Where the data that comes along with the package lies."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped_folder(name: str) -> Path:
    """A data folder, `search_spaces` or `latency_tables`: inside the installed package, else in the checkout."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
