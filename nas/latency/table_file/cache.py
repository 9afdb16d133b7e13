"""Tables measured on this machine, kept between runs."""

import hashlib
from pathlib import Path

import msgspec

from nas.design.size import Size, describe_size
from nas.errors import InvalidTable
from nas.folders import cache_folder
from nas.latency.conditions import Conditions
from nas.latency.table import LatencyTable, read_table


def cached_path(conditions: Conditions, space: str, resolutions: tuple[Size, ...]) -> Path:
    """Where the table of these conditions, space and resolutions belongs."""
    mark = hashlib.sha256(msgspec.json.encode((conditions, space, resolutions))).hexdigest()[:8]
    sides = "-".join(map(describe_size, resolutions))
    return cache_folder() / "tables" / f"{conditions.runtime}-{space}-{sides}-{mark}.jsonl"


def find_table(
    conditions: Conditions,
    space: str | None = None,
    resolutions: tuple[Size, ...] = (),
    folders: tuple[Path, ...] = (),
) -> Path | None:
    """The newest table under these conditions in the cache, else in `folders` (shipped ones); None where there is none.

    Space and resolutions narrow the choice to tables that cover them, first of all those that cover nothing else. A
    file that cannot be read is passed over: it is not asked for by name.
    """
    for folder in (cache_folder() / "tables", *folders):
        paths = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
        tables = {path: table for path in paths if (table := _read(path)) is not None}
        fitting = [path for path, table in tables.items() if _fits(table, conditions, space, resolutions)]
        exact = [path for path in fitting if tables[path].header.resolutions == resolutions]
        if fitting:
            return (exact or fitting)[0]
    return None


def _read(path: Path) -> LatencyTable | None:
    try:
        return read_table(path)
    except InvalidTable:
        return None


def _fits(table: LatencyTable, conditions: Conditions, space: str | None, resolutions: tuple[Size, ...]) -> bool:
    header = table.header
    covers = set(resolutions) <= set(header.resolutions)
    return header.conditions == conditions and space in (None, header.space) and covers
