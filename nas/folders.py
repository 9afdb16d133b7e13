"""Where the data that comes along with the package lies, and where what can be made again is kept."""

import os
from pathlib import Path

from platformdirs import user_cache_dir

_PACKAGE = Path(__file__).parent


def shipped_folder(name: str) -> Path:
    """A data folder, `search_spaces` or `latency_tables`: inside the installed package, else in the checkout."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def cache_folder() -> Path:
    """$NAS_CACHE, or the user's cache folder."""
    return Path(os.environ.get("NAS_CACHE") or user_cache_dir("nas"))
