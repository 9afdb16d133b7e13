"""The resolution of a run that none was asked for: that of its table, that it began with, or by data and target."""

from pathlib import Path

from msgspec.structs import replace

from nas.algorithms.block_search.resolution_choice import choose_for_space, choose_for_start, choose_start
from nas.algorithms.budgets import budgets_of
from nas.algorithms.pipeline.run_folder import prepare_run, read_settings
from nas.api.options.resolution import require_one_aspect, told_sides
from nas.api.options.structs import NetAdaptOptions, RunOptions, SearchOptions
from nas.api.options.subject import NetworkSubject, RunSubject, SpaceSubject, StartsSubject, asked_sizes, own_size
from nas.api.running.tables import known_table
from nas.bench.bench import Bench
from nas.design.size import Size, by_area, scale_size
from nas.errors import ConditionsDiffer, InvalidTable
from nas.interfaces import Say
from nas.latency.table import LatencyTable, read_table
from nas.latency.table_file.shipped import table_path
from nas.nets.data.dataset import USUAL_SIZE, Data
from nas.ship.exporter import Exporter


def size_of_images(options: RunOptions, subject: RunSubject) -> Size:
    """The largest size at which the images of a run will be used.

    Where the resolution is still to be chosen it has the aspect of the network, for a search a square. Raises NasError
    for resolutions of different aspects.
    """
    sizes = asked_sizes(subject) or sizes_of_table(options, subject)
    if not sizes:
        return scale_size(own_size(subject), USUAL_SIZE)
    require_one_aspect(sizes)
    return max(sizes, key=by_area)


def with_resolution(
    options: SearchOptions | NetAdaptOptions,
    subject: RunSubject,
    targets_ms: tuple[float, ...],
    data: Data,
    bench: Bench,
    folder: Path,
    say: Say,
) -> RunSubject:
    """The subject at the resolution that was asked for, else at the one or several that are chosen here.

    A run that was begun goes on with those that it began with.
    """
    if isinstance(subject, StartsSubject) and subject.resolutions:
        return _at(subject, subject.resolutions)
    if subject.resolution is not None:
        return _at(subject, (subject.resolution,)) if isinstance(subject, NetworkSubject) else subject
    prepare_run(folder)
    begun = None if options.fresh else read_settings(folder)
    if begun is not None and begun.auto_resolution:
        found = begun.resolutions
    else:
        found = sizes_of_table(options, subject) or _choose(options, subject, targets_ms, data, bench)
        say(_describe(found, data, subject))
    subject = _at(subject, found)
    if isinstance(subject, StartsSubject):
        return replace(subject, chosen=True)
    return replace(subject, resolution=found[-1], chosen=True)


def _at(subject: RunSubject, resolutions: tuple[Size, ...]) -> RunSubject:
    """The subject at these resolutions; one alone is no choice, and a space leaves it open."""
    if isinstance(subject, NetworkSubject):
        return replace(subject, architecture=replace(subject.architecture, resolution=resolutions[-1]))
    if isinstance(subject, StartsSubject):
        starts = (
            replace(one, architecture=replace(one.architecture, resolution=resolutions[-1])) for one in subject.starts
        )
        return replace(subject, starts=tuple(starts), resolutions=resolutions)
    return replace(subject, space=subject.space.at(*resolutions) if len(resolutions) > 1 else subject.space.at())


def sizes_of_table(options: RunOptions, subject: RunSubject) -> tuple[Size, ...]:
    """Those of the table that was named for a search; none if there is no such table."""
    if options.table is None or not isinstance(subject, SpaceSubject):
        return ()
    return read_table(table_path(options.table)).header.resolutions


def _choose(
    options: RunOptions, subject: RunSubject, targets_ms: tuple[float, ...], data: Data, bench: Bench
) -> tuple[Size, ...]:
    """By milliseconds at the speed of the table, if there is one already."""
    ships = Exporter(data, bench, _table_of(options, bench), options.latency)
    if isinstance(subject, NetworkSubject):
        return (choose_start(subject.architecture, data.sides, targets_ms, ships),)
    if isinstance(subject, StartsSubject):
        return choose_for_start(subject.starts[0].architecture, data.sides, targets_ms, ships)
    return choose_for_space(subject.space, len(data.classes), data.sides, targets_ms, ships, budgets_of(options.limits))


def _table_of(options: RunOptions, bench: Bench) -> LatencyTable | None:
    """The run's table; None if there is none yet, or one that will be refused when prices are opened."""
    try:
        known = known_table(options.table, bench)
    except (InvalidTable, ConditionsDiffer):
        return None
    return known[0] if known else None


def _describe(found: tuple[Size, ...], data: Data, subject: RunSubject) -> str:
    low, middle, high = data.sides
    own = f"{middle} px" if low == high else f"{low} to {high} px (median {middle})"
    if isinstance(subject, NetworkSubject):
        return f"Resolution: NetAdapt starts at {told_sides(found[-1:])} px and may lower it. The images have {own}."
    several = f"{told_sides(found)} px{', of which one is chosen with the network' if len(found) > 1 else ''}"
    return f"Resolution: {several}. The images have {own}."
