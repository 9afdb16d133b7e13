"""Latency from Python: tables, estimates and the clock."""

from pathlib import Path
from typing import Any

from msgspec import Struct

from nas.api.check import check_above_zero, check_architecture, check_text, check_whole, read_space, spell_resolution
from nas.api.listener import Listener
from nas.api.options.keywords import read_options, takes_options
from nas.api.options.python_names import in_python, say_in_python
from nas.api.options.resolution import resolved
from nas.api.options.setup import Setup, open_bench, setup_of
from nas.api.options.structs import MeasureOptions, PriceOptions
from nas.api.running.tables import known_table
from nas.api.threads import one_thread
from nas.bench.bench import Bench
from nas.bench.measure import measure as take
from nas.bench.pricer import Pricer
from nas.bench.tables import build
from nas.bench.tables.held_out import USUAL
from nas.design.architecture import Architecture
from nas.design.graph import Graph, lower
from nas.design.size import Size
from nas.design.space import SearchSpace
from nas.device.facts import facts
from nas.errors import NasError
from nas.interfaces import Say, say_nothing
from nas.latency.deadline import price_quantile
from nas.latency.prediction.estimate import missing, price
from nas.latency.prediction.interpolate import filled
from nas.latency.statistic import LatencyName
from nas.latency.table import LatencyTable, read_table
from nas.latency.table_file.shipped import keeps_entries, table_path
from nas.latency.timing import Estimate, Measurement
from nas.latency.trust import require_passed, warn_failed


class Priced(Struct, frozen=True):
    """An estimate and what it is of; `measured` entries were lacking and have been measured for it."""

    estimate: Estimate
    statistic: str
    measured: int = 0


@in_python()
def load_table(source: str | Path) -> LatencyTable:
    """A latency table from a file or, by name, one of those that are shipped.

    Raises:
        InvalidTable: where it cannot be read, with line and rule.
    """
    check_text("source", source, "table: give its file, or the name of one that is shipped")
    return read_table(table_path(str(source)))


@takes_options(Setup)
def build_table(
    space: str | Path | SearchSpace = "mobilenet_v3_large",
    out: str | Path | None = None,
    *,
    resolution: Size | str | None = None,
    held_out: int = USUAL,
    budget_s: float = 150.0,
    seed: int = 0,
    log: Say = say_nothing,
    **options: Any,
) -> LatencyTable:
    """Time every op of a space on a device, calibrate on whole networks, validate on others.

    Args:
        space: the name of a shipped space, a TOML file, or a space.
        out: the file to write, if any.
        resolution: the input in pixels, a square's side, (height, width), or a text like "192x320" or "96,128" for
            several; the space's own, or 224.
        held_out: how many networks validate the table.
        budget_s: about how many seconds it may take.
        seed: of orders and of the held-out networks.
        log: is told what is going on.
        options: runtime, precision, threads, batch, device, gap_ms, as `nas table build` takes them.

    Returns:
        The table, with its report card in the header.

    Raises:
        NasError: where the device or its runtime is not to be had.
    """
    setup, listener = read_options(Setup, options), Listener(say=say_in_python(log))
    chosen, side = resolved(read_space(space), spell_resolution(resolution))
    held, number = check_whole("held_out", held_out, 2), check_whole("seed", seed, 0)
    limit_s = check_above_zero("budget_s", budget_s)
    if out is not None:
        check_text("out", out, "path")
    path = None if out is None else Path(out)
    with one_thread(), listener.bar() as progress:
        return build.build_table(chosen, open_bench(setup, listener.say), path, number, side, limit_s, held, progress)


@takes_options(Setup)
def estimate(
    architecture: Architecture,
    table: str | Path | LatencyTable | None = None,
    *,
    latency: LatencyName = "p50",
    allow_failed: bool = False,
    log: Say = say_nothing,
    **options: Any,
) -> Estimate:
    """The predicted latency of a network, op by op.

    Args:
        architecture: the network.
        table: a table or its file; by default this machine's own. Entries that a file lacks are measured and kept.
        latency: "p50", or the quantile "p90" or "p99".
        allow_failed: take a table whose validation failed, too.
        log: is told what is going on.
        options: runtime, precision, threads, batch, device, gap_ms: whose table, where none is given.

    Returns:
        Milliseconds, their error bound, and the parts that they are the sum of.

    Raises:
        NasError: where there is no table of this device, or a table in memory lacks an entry.
    """
    check_architecture(architecture)
    name = None if isinstance(table, LatencyTable) else table
    given = {**options, "table": name, "latency": latency, "allow_failed": allow_failed}
    asked, listener = read_options(PriceOptions, given), Listener(say=say_in_python(log))
    if isinstance(table, LatencyTable):
        require_passed(table, "the table", asked.allow_failed)
        _warn(table, listener)
        return price(lower(architecture), price_quantile(table, asked.latency, "the table"))
    with one_thread():
        found = price_network(architecture, asked.table, asked, listener, asked.allow_failed, asked.latency)
    if found is None:
        raise NasError("There is no latency table of this machine: build one with nas.build_table(...).")
    return found.estimate


@takes_options(Setup)
def measure(
    architecture: Architecture,
    table: str | Path | None = None,
    *,
    latency: LatencyName = "p50",
    log: Say = say_nothing,
    **options: Any,
) -> Measurement:
    """The latency of a whole network with random weights by the clock, in turns with a reference network.

    Args:
        architecture: the network.
        table: the table whose speed to tell too, and whose conditions are taken; by default this device's own, if any.
        latency: "p50", or the quantile "p90" or "p99".
        log: is told what is going on.
        options: runtime, precision, threads, batch, device, gap_ms, as `nas measure` takes them.

    Returns:
        Milliseconds now and, where there is a table, at the speed of the table; with their spread.

    Raises:
        NasError: where the device or its runtime is not to be had.
    """
    check_architecture(architecture)
    asked = read_options(MeasureOptions, {**options, "table": table, "latency": latency})
    listener = Listener(say=say_in_python(log))
    with one_thread():
        return measure_network(architecture, asked.table, asked, listener, asked.latency)[0]


def price_network(
    architecture: Architecture,
    name: str | None,
    setup: Setup,
    listener: Listener,
    allow_failed: bool,
    latency: LatencyName,
) -> Priced | None:
    """The price by the table of a name, else by this device's own; None where there is no table."""
    named = None if name is None else load_table(name)
    if name is not None and named is not None:
        require_passed(named, name, allow_failed)
        _warn(named, listener)
        setup = setup_of(named.header, setup.device)
        asked = price_quantile(named, latency, name)
        if priced := _without_device(lower(architecture), asked, setup):
            return Priced(priced, asked.header.statistic)
    bench = open_bench(setup, listener.say)
    found = known_table(name, bench, architecture.resolution, named)
    return None if found is None else _priced(architecture, *found, bench, latency, listener)


def _warn(table: LatencyTable, listener: Listener) -> None:
    """Say that a table failed its validation, if it did."""
    for doubt in warn_failed(table):
        listener.say(doubt)


def _priced(
    architecture: Architecture, table: LatencyTable, path: Path, bench: Bench, latency: LatencyName, listener: Listener
) -> Priced:
    """The price on a device, on which what the table lacks is measured."""
    asked, keeps = price_quantile(table, latency, str(path)), path if keeps_entries(path) else None
    with listener.bar() as progress:
        pricer = Pricer(asked, bench, keeps, progress=progress)
        estimated = pricer(architecture)
    if pricer.measured:
        kept = ", and kept them there" if keeps else ""
        listener.say(f"Measured {pricer.measured} entries that {path} lacked{kept}.")
    return Priced(estimated, asked.header.statistic, pricer.measured)


def _without_device(graph: Graph, table: LatencyTable, setup: Setup) -> Estimate | None:
    """The price where the table has all entries; one of another device may have some between measured widths."""
    if setup.device is None and table.header.conditions.device != facts().device:
        table = table.extended(filled(missing(graph, table), table.timings))
    return None if missing(graph, table) else price(graph, table)


def measure_network(
    architecture: Architecture, name: str | None, setup: Setup, listener: Listener, latency: LatencyName
) -> tuple[Measurement, Setup, str, Path | None]:
    """A measurement, the setup and the device it is of, and the file of the table whose speed it tells."""
    named = None if name is None else load_table(name)
    if named is not None:
        setup = setup_of(named.header, setup.device)
    bench = open_bench(setup, listener.say)
    known = known_table(name, bench, architecture.resolution, named)
    found = take(lower(architecture), bench, known[0] if known else None, latency=latency)
    return found, setup, bench.conditions().device, known[1] if known else None
