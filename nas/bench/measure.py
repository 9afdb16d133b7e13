"""Whole networks by the clock, in turns with the reference and with each other."""

import random
import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from nas.bench.bench import Bench, Item
from nas.bench.quantiles import quantile_ratio
from nas.bench.rounds import Progress, Schedule, reference_times, silent, take_rounds, turns_of
from nas.bench.turns import Round, Turn, choose_times, is_contended
from nas.design.graph import Graph
from nas.device.clock import Tick
from nas.latency.statistic import SHARES, LatencyName, describe_statistic
from nas.latency.table import LatencyTable
from nas.latency.timing import Measurement
from nas.runtimes.runtime import Array

# Many short rounds: networks measured together share the machine's ups and downs.
ROUNDS, READINGS = 15, 6
# Repeatability is told from the ratios of this many parts of the rounds, one after the other.
_PARTS = 3


def measure(
    model: Graph | bytes,
    bench: Bench,
    table: LatencyTable | None = None,
    weights: Mapping[str, Array] | None = None,
    seed: int = 0,
    latency: LatencyName = "p50",
) -> Measurement:
    """One network, of a graph or of a model file's content; see `measure_many`."""
    (found,) = _measure([Item(model, READINGS, weights)], bench, table, seed, silent, latency)
    return found


def measure_many(
    graphs: Sequence[Graph],
    bench: Bench,
    table: LatencyTable | None = None,
    seed: int = 0,
    progress: Progress = silent,
    latency: LatencyName = "p50",
) -> list[Measurement]:
    """Several networks in turns over the same rounds, so that their differences are not the machine's drift.

    With a table of these conditions `nominal_ms` and `slowdown` are filled in.
    """
    return _measure([Item(graph, READINGS) for graph in graphs], bench, table, seed, progress, latency)


def _measure(
    items: Sequence[Item],
    bench: Bench,
    table: LatencyTable | None,
    seed: int,
    progress: Progress,
    latency: LatencyName,
) -> list[Measurement]:
    with bench.open() as session:
        session.add(items)
        rounds = take_rounds(session, len(items), Schedule(ROUNDS, ROUNDS), random.Random(seed), progress)
    nominal = table.header.reference.nominal_ms if table else None
    return [measurement(rounds, i, bench.runtime.name, nominal, latency) for i in range(len(items))]


def measurement(
    rounds: Sequence[Round], number: int, runtime: str, nominal_ms: float | None, latency: LatencyName = "p50"
) -> Measurement:
    """What several rounds say of a subject. `nominal_ms` is the reference's time in its table."""
    turns, reference = turns_of(rounds, number), reference_times(rounds)
    ticks = [tick for turn in turns for tick in turn.visit.ticks]
    contended = is_contended(ticks)
    times = choose_times(ticks, contended)
    p10, p90 = np.quantile(times, (0.1, 0.9))
    now_ms = statistics.median(times) if latency == "p50" else _quantile(ticks, latency)
    ratio = _ratio(turns, latency)
    each = [_ratio(part, latency) for part in _parts(turns)]
    slow, fast = np.quantile(reference, (0.9, 0.1))
    return Measurement(
        runtime=runtime,
        measured_ms=now_ms,
        p10_ms=float(p10),
        p90_ms=float(p90),
        runs=len(ticks),
        contended=contended,
        floor_ms=now_ms * (max(each) - min(each)) / 2 / ratio,
        nominal_ms=None if nominal_ms is None else ratio * nominal_ms,
        slowdown=None if nominal_ms is None else statistics.median(reference) / nominal_ms,
        moving=float(slow - fast) / statistics.median(reference),
        statistic=describe_statistic(latency, contended),
    )


def _quantile(ticks: Sequence[Tick], latency: LatencyName) -> float:
    return float(np.quantile([tick.wall_ms for tick in ticks], SHARES[latency]))


def _ratio(turns: Sequence[Turn], latency: LatencyName) -> float:
    """The network's time over the reference's."""
    middle = statistics.median(turn.ratio for turn in turns)
    return middle if latency == "p50" else middle * quantile_ratio(turns, SHARES[latency])


def _parts(turns: Sequence[Turn]) -> list[Sequence[Turn]]:
    """The rounds in some parts, one after the other."""
    cuts = [round(i * len(turns) / _PARTS) for i in range(_PARTS + 1)]
    return [turns[start:stop] for start, stop in pairwise(cuts) if stop > start]
