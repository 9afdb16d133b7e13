"""The resolution of a run that none was asked for: that of its table, that it began with, or by data and target."""

from pathlib import Path

from msgspec.structs import replace

from nas.bench.bench import Bench
from nas.cli.options.request import NetAdaptOptions, RunOptions, SearchOptions
from nas.cli.options.resolution import told_sides
from nas.cli.running.tables import known_table, table_path
from nas.cli.text.output import log
from nas.errors import ConditionsDiffer, InvalidTable
from nas.latency.table import LatencyTable, read_table
from nas.nets.data.dataset import Data
from nas.search.block_search.resolution_choice import choose_for_space, choose_start
from nas.search.pipeline.run_folder import prepare_run, read_settings
from nas.ship.exporter import Exporter


def with_resolution(
    common: RunOptions,
    task: SearchOptions | NetAdaptOptions,
    targets_ms: tuple[float, ...],
    data: Data,
    bench: Bench,
    folder: Path,
) -> tuple[RunOptions, SearchOptions | NetAdaptOptions]:
    """The options with the resolution that was asked for, else with the one or several that are chosen here.

    A run that was begun goes on with those that it began with.
    """
    if common.resolution is not None:
        return common, _at(task, (common.resolution,)) if isinstance(task, NetAdaptOptions) else task
    prepare_run(folder)
    begun = None if common.fresh else read_settings(folder)
    if begun is not None and begun.auto_resolution:
        found = begun.resolutions
    else:
        found = _of_table(common, task) or _choose(common, task, targets_ms, data, bench)
        log(_describe(found, data, task))
    return replace(common, resolution=found[-1], auto_resolution=True), _at(task, found)


def _at(task: SearchOptions | NetAdaptOptions, resolutions: tuple[int, ...]) -> SearchOptions | NetAdaptOptions:
    """The task at these resolutions; one alone is no choice, and a space leaves it open."""
    if isinstance(task, NetAdaptOptions):
        return replace(task, architecture=replace(task.architecture, resolution=resolutions[-1]))
    return replace(task, space=task.space.at(*resolutions) if len(resolutions) > 1 else task.space.at())


def _of_table(common: RunOptions, task: SearchOptions | NetAdaptOptions) -> tuple[int, ...]:
    """Those of the table that was named for a search; none if there is no such table."""
    if common.table is None or isinstance(task, NetAdaptOptions):
        return ()
    return read_table(table_path(common.table)).header.resolutions


def _choose(
    common: RunOptions, task: SearchOptions | NetAdaptOptions, targets_ms: tuple[float, ...], data: Data, bench: Bench
) -> tuple[int, ...]:
    """By milliseconds at the speed of the table, if there is one already."""
    ships = Exporter(data, bench, _table_of(common, bench), common.latency)
    if isinstance(task, NetAdaptOptions):
        return (choose_start(task.architecture, data.sides, targets_ms, ships),)
    return choose_for_space(task.space, len(data.classes), data.sides, targets_ms, ships)


def _table_of(common: RunOptions, bench: Bench) -> LatencyTable | None:
    """The run's table; None if there is none yet, or one that will be refused when prices are opened."""
    try:
        known = known_table(common.table, bench)
    except (InvalidTable, ConditionsDiffer):
        return None
    return known[0] if known else None


def _describe(found: tuple[int, ...], data: Data, task: SearchOptions | NetAdaptOptions) -> str:
    low, middle, high = data.sides
    own = f"{middle} px" if low == high else f"{low} to {high} px (median {middle})"
    if isinstance(task, NetAdaptOptions):
        return f"Resolution: NetAdapt starts at {found[-1]} px and may lower it. The images have {own}."
    several = f"{told_sides(found)} px, of which one is chosen with the network" if len(found) > 1 else f"{found[0]} px"
    return f"Resolution: {several}. The images have {own}."
