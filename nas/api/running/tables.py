"""Which latency table a command works with: the one named, the one cached for this machine, or a new one."""

from pathlib import Path

from msgspec.structs import replace

from nas.api.listener import Listener
from nas.api.options.resolution import told_sides
from nas.bench.bench import Bench
from nas.bench.pricer import Pricer
from nas.bench.tables.build import build_table, estimate_table_bytes
from nas.bench.tables.held_out import QUICK, USUAL
from nas.bench.tables.recognise import recognise
from nas.design.files import write_json
from nas.design.size import Size
from nas.design.space import SearchSpace
from nas.errors import InvalidRun, InvalidTable
from nas.folders import shipped_folder
from nas.interfaces import Say
from nas.latency.conditions import Conditions, require_same
from nas.latency.deadline import price_quantile
from nas.latency.glance import Rebuild, Same
from nas.latency.statistic import LatencyName
from nas.latency.table import Header, LatencyTable, read_table, write_table
from nas.latency.table_file.cache import cached_path, find_table
from nas.latency.table_file.decode import bare_header
from nas.latency.table_file.shipped import keeps_entries, table_path
from nas.latency.trust import require_passed, warn_failed

# A search waits for its table; `nas table build` takes its time. Where this would be more than a share of its budget,
# it gets a quick one.
BUDGET_S, _QUICK_S, _MOST_SHARE = 100.0, 40.0, 0.2
# To recognise a device takes seconds.
_GLANCE_S = 10.0
# Profiles take their time whatever the budget is: on a slow host a table of one resolution took 190 s, of three 490 s.
_SLOWER, _EACH_MORE = 1.5, 0.8


def require_table(name: str, allow_failed: bool, say: Say) -> tuple[str, ...]:
    """Read the table of a name before anything long starts; says and returns the warnings that belong to it.

    Raises InvalidTable if it is not there, is damaged, or failed its validation and that is not allowed.
    """
    path = table_path(name)
    table = read_table(path)
    require_passed(table, path, allow_failed)
    doubts = warn_failed(table)
    for doubt in doubts:
        say(doubt)
    return doubts


def open_prices(
    name: str | None,
    space: SearchSpace,
    bench: Bench,
    resolution: Size,
    folder: Path,
    listener: Listener,
    allow_failed: bool = False,
    latency: LatencyName = "p50",
    budget_s: float | None = None,
) -> Pricer:
    """Prices of a device: from the table named, else the cached one, else one built now; says which.

    A `budget_s` of the whole run that is short gets a table that is quick to build.

    They are medians, or the quantile that `latency` names.

    The header is kept in the run's `folder`: an interrupted run goes on with the prices it began with.
    """
    here = bench.conditions()
    sides = space.sides(resolution)
    path = table_path(name) if name else _found(here, space.name, sides, listener.say)
    table = None
    if path is not None:
        known = read_table(path)
        require_passed(known, path, allow_failed)
        table = _continued(folder, known) or _recognised(known, path, space, bench, name is not None, listener)
    else:
        _require_new(folder)
        listener.say(f"No latency table of {space.name} at {told_sides(sides)} px for {here.runtime} yet: building it.")
    if path is None or table is None:
        path = cached_path(here, space.name, sides)
        table = _built(path, space, bench, resolution, budget_s, listener)
        require_passed(table, path, allow_failed)
    _pin(folder, table.header)
    table = price_quantile(table, latency, str(path))
    listener.say(
        f"Latency table {path}: {len(table.timings)} entries, {card(table)}. Milliseconds are {table.header.statistic}."
    )
    return Pricer(table, bench, path if keeps_entries(path) else None)


def known_table(
    name: str | None, bench: Bench, resolution: Size | None = None, named: LatencyTable | None = None
) -> tuple[LatencyTable, Path] | None:
    """The table named, else the newest of these conditions in the cache or among those shipped; None if there is none.

    Tables that cover the resolution come first. `named` is the table of the name, if it was read before. Raises
    ConditionsDiffer if the one named is of other conditions.
    """
    here = bench.conditions()
    if name is not None:
        table = named or read_table(table_path(name))
        require_same(table.header.conditions, here, f"the latency table {name}")
        return table, table_path(name)
    path = _find(here, sides=(resolution,) if resolution else ()) or _find(here)
    return None if path is None else (read_table(path), path)


def seconds_to_table(
    name: str | None, space: SearchSpace, bench: Bench, resolution: Size, budget_s: float | None = None
) -> float:
    """About how long `open_prices` will take: a glance where there is a table, else building one.

    Raises NasError where the table named is not there or damaged.
    """
    if _is_known(name, space, bench, resolution):
        return _GLANCE_S
    return _build_s(space, resolution, _QUICK_S if _is_quick(budget_s, space, resolution) else BUDGET_S)


def memory_to_table(name: str | None, space: SearchSpace, bench: Bench, resolution: Size) -> int:
    """About how many MB `open_prices` will take on the device."""
    return estimate_table_bytes(space, bench, resolution, _is_known(name, space, bench, resolution)) >> 20


def _is_known(name: str | None, space: SearchSpace, bench: Bench, resolution: Size) -> bool:
    """Whether there is a table, which has only to be recognised."""
    if name:
        read_table(table_path(name))
        return True
    return _find(bench.conditions(), space.name, space.sides(resolution)) is not None


def _find(here: Conditions, space: str | None = None, sides: tuple[Size, ...] = ()) -> Path | None:
    """The newest table of these conditions in the cache or among those shipped."""
    return find_table(here, space, sides, (shipped_folder("latency_tables"),))


def _found(here: Conditions, space: str, sides: tuple[Size, ...], say: Say) -> Path | None:
    """The cache's table, else a copy there of a shipped one: what is measured later is added to it."""
    path = _find(here, space, sides)
    if path is None or keeps_entries(path):
        return path
    say(f"{path.name} was measured under these conditions: taking a copy of it.")
    write_table(cached_path(here, space, sides), read_table(path))
    return cached_path(here, space, sides)


def _built(
    path: Path, space: SearchSpace, bench: Bench, resolution: Size, budget_s: float | None, listener: Listener
) -> LatencyTable:
    quick = _is_quick(budget_s, space, resolution)
    limit_s, held_out = (_QUICK_S, QUICK) if quick else (BUDGET_S, USUAL)
    with listener.bar() as progress:
        return build_table(
            space, bench, path, resolution=resolution, budget_s=limit_s, held_out=held_out, progress=progress
        )


def _is_quick(budget_s: float | None, space: SearchSpace, resolution: Size) -> bool:
    """Whether the usual table would take too large a share of a run's budget."""
    return budget_s is not None and _build_s(space, resolution, BUDGET_S) > _MOST_SHARE * budget_s


def _build_s(space: SearchSpace, resolution: Size, limit_s: float) -> float:
    """About how long building a table takes that may take so long."""
    return _SLOWER * limit_s * (1 + _EACH_MORE * (len(space.sides(resolution)) - 1))


def _recognised(
    table: LatencyTable, path: Path, space: SearchSpace, bench: Bench, named: bool, listener: Listener
) -> LatencyTable | None:
    """The table, if the device is still its own; None where one of the cache holds no longer.

    Prices stay what they are whatever the device's speed is now: the same table gives the same decisions.
    """
    require_same(table.header.conditions, bench.conditions(), f"the latency table {path}")
    with listener.bar() as progress:
        decision = recognise(table, space, bench, progress)
    match decision:
        case Same(note):
            listener.say(note or f"The device is as when {path} was measured.")
            return table
        case Rebuild(reason) if named:
            raise InvalidTable(f"{path} does not hold any more: {reason}. Build it again with 'nas table build'.")
        case Rebuild(reason):
            listener.say(
                f"{path} is not of this machine as it is now: {reason}. Measuring it again, which takes minutes."
            )
            return None


def _continued(folder: Path, table: LatencyTable) -> LatencyTable | None:
    """The table as the run in this folder began with it; None where the run is new."""
    path = folder / "table.json"
    if not path.exists():
        return None
    begun = bare_header(str(path), path.read_bytes())
    if replace(begun, scale=1.0) != table.header:
        raise InvalidRun(
            f"{folder}: was begun with another latency table than the one of {table.header.created}. "
            "Name that table with --table, or start over with --fresh."
        )
    return LatencyTable(begun, table.timings)


def _require_new(folder: Path) -> None:
    """Raise InvalidRun if the run was begun with a table, which is not there any more."""
    if (folder / "table.json").exists():
        raise InvalidRun(
            f"{folder}: the latency table it was begun with is not in the cache any more, or was measured by an older "
            "version. Name it with --table, or start over with --fresh."
        )


def _pin(folder: Path, header: Header) -> None:
    if not (folder / "table.json").exists():
        write_json(folder / "table.json", header)


def card(table: LatencyTable) -> str:
    """The report card in one line."""
    v = table.header.validation
    contended = ", CONTENDED" if table.header.contended else ""
    return (
        f"error {v.mape:.1%} on {v.count} held-out networks (repeatability {v.floor:.1%}), bias {v.bias:+.1%}, "
        f"{v.within_5:.0%} within 5 %, {v.within_10:.0%} within 10 %, worst {v.worst:.1%}, "
        f"Spearman {v.spearman:.3f}{contended}"
    )
