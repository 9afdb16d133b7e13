"""Which latency table a command works with: the one named, the one cached for this machine, or a new one."""

from pathlib import Path

from nas.bench.bench import Bench
from nas.bench.build import build_table
from nas.bench.pricer import Pricer
from nas.cli.output import log, progress_bar
from nas.design.files import decode, write_json
from nas.design.space import SearchSpace
from nas.errors import InvalidRun
from nas.folders import shipped
from nas.latency.cache import cached_path, find_table
from nas.latency.estimate import relative_bound
from nas.latency.table import Header, LatencyTable, read_table

# A search waits for its table; `nas table build` takes its time.
_BUDGET_S = 100.0
_LEAST_GUARD, _MOST_GUARD = 0.03, 0.10


def table_path(name: str) -> Path:
    """The file of a --table argument: a path, or the name of a shipped table."""
    inside = shipped("latency_tables") / f"{name}.jsonl"
    return inside if not Path(name).exists() and inside.exists() else Path(name)


def keeps_entries(path: Path) -> bool:
    """Whether entries measured on demand are written to a table's file: what was shipped stays as it is."""
    return path.resolve().parent != shipped("latency_tables").resolve()


def open_prices(name: str | None, space: SearchSpace, bench: Bench, resolution: int) -> Pricer:
    """Prices of this machine: from the table named, else the cached one, else one built now; says which."""
    here = bench.conditions()
    path = table_path(name) if name else find_table(here, space.name, resolution)
    if path is None:
        path = cached_path(here, space.name, resolution)
        log(f"No latency table of {space.name} at {resolution} px for {here.runtime} there yet: building it.")
        with progress_bar() as progress:
            build_table(space, bench, path, resolution=resolution, budget_s=_BUDGET_S, progress=progress)
    table = read_table(path)
    log(f"Latency table {path}: {len(table.timings)} entries, {card(table)}.")
    return Pricer(table, bench, path if keeps_entries(path) else None)


def pin_table(folder: Path, header: Header) -> None:
    """Keep the header of a run's table beside it; InvalidRun where the run was begun with another table."""
    path = folder / "table.json"
    if not path.exists():
        write_json(path, header)
    elif decode(path.read_bytes(), Header, str(path), InvalidRun) != header:
        raise InvalidRun(
            f"{folder}: was begun with another latency table than the one of {header.created}. "
            "Name that table with --table, or start over with --fresh."
        )


def guard(table: LatencyTable) -> float:
    """How far beyond the target the block search looks: the table's 90 % error, within reason."""
    return min(max(relative_bound(table), _LEAST_GUARD), _MOST_GUARD)


def card(table: LatencyTable) -> str:
    """The report card in one line."""
    v = table.header.validation
    contended = ", CONTENDED" if table.header.contended else ""
    return (
        f"error {v.mape:.1%} on {v.count} held-out networks (repeatability {v.floor:.1%}), bias {v.bias:+.1%}, "
        f"{v.within_5:.0%} within 5 %, {v.within_10:.0%} within 10 %, worst {v.worst:.1%}, "
        f"Spearman {v.spearman:.3f}{contended}"
    )
