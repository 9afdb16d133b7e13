"""Tables measured on this machine, kept between runs."""

import hashlib
import os
from pathlib import Path

import msgspec
from platformdirs import user_cache_dir

from nas.errors import InvalidTable
from nas.latency.conditions import Conditions
from nas.latency.table import LatencyTable, read_table


def cache_folder() -> Path:
    """$NAS_CACHE, or the user's cache folder."""
    return Path(os.environ.get("NAS_CACHE") or user_cache_dir("nas"))


def cached_path(conditions: Conditions, space: str, resolution: int) -> Path:
    """Where the table of these conditions, space and resolution belongs."""
    mark = hashlib.sha256(msgspec.json.encode((conditions, space, resolution))).hexdigest()[:8]
    return cache_folder() / "tables" / f"{conditions.runtime}-{space}-{resolution}-{mark}.jsonl"


def find_table(
    conditions: Conditions, space: str | None = None, resolution: int | None = None, folders: tuple[Path, ...] = ()
) -> Path | None:
    """The newest table under these conditions in the cache, else in `folders` (shipped ones); None where there is none.

    Space and resolution narrow the choice. A file that cannot be read is passed over: it is not asked for by name.
    """
    for folder in (cache_folder() / "tables", *folders):
        paths = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in paths:
            table = _read(path)
            if table is not None and _fits(table, conditions, space, resolution):
                return path
    return None


def _read(path: Path) -> LatencyTable | None:
    try:
        return read_table(path)
    except InvalidTable:
        return None


def _fits(table: LatencyTable, conditions: Conditions, space: str | None, resolution: int | None) -> bool:
    header = table.header
    return header.conditions == conditions and space in (None, header.space) and resolution in (None, header.resolution)
