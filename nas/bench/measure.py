"""Whole networks by the clock, in turns with the reference and with each other."""

import random
import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct

from nas.bench.bench import Bench, Item
from nas.bench.rounds import Progress, Schedule, silent, take_rounds, turns_of
from nas.bench.turns import LOW, Turn
from nas.design.plan import Plan
from nas.device.clock import Tick
from nas.latency.table import LatencyTable
from nas.latency.timing import Measurement
from nas.runtimes.runtime import Array

# Headlines are of undisturbed runs if at least this share of them was.
_SHARE = 0.3
# Many short rounds: networks measured together share the machine's ups and downs.
ROUNDS, READINGS = 15, 6
# Repeatability is told from the headlines of this many parts of the rounds, one after the other.
_PARTS = 3


class _Headline(Struct, frozen=True):
    """The number told, and the readings it is the middle (or the lower quartile) of."""

    ms: float
    readings: tuple[float, ...]
    contended: bool


def measure(
    model: Plan | bytes,
    bench: Bench,
    table: LatencyTable | None = None,
    weights: Mapping[str, Array] | None = None,
    seed: int = 0,
) -> Measurement:
    """One network, of a plan or of a model file's content; see `measure_many`."""
    (found,) = _measure([Item(model, READINGS, weights)], bench, table, seed, silent)
    return found


def measure_many(
    plans: Sequence[Plan],
    bench: Bench,
    table: LatencyTable | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Measurement]:
    """Several networks in turns over the same rounds, so that their differences are not the machine's drift.

    With a table of these conditions `nominal_ms` is filled in.
    """
    return _measure([Item(plan, READINGS) for plan in plans], bench, table, seed, progress)


def _measure(
    items: Sequence[Item], bench: Bench, table: LatencyTable | None, seed: int, progress: Progress
) -> list[Measurement]:
    with bench.open() as session:
        session.add(items)
        rounds = take_rounds(session, len(items), Schedule(ROUNDS, ROUNDS), random.Random(seed), progress)
    nominal = table.header.reference.nominal_ms if table else None
    return [measurement(turns_of(rounds, i), bench.runtime.name, nominal) for i in range(len(items))]


def measurement(turns: Sequence[Turn], runtime: str, nominal_ms: float | None) -> Measurement:
    """What several rounds say. `nominal_ms` is the reference's time at the speed its table was built at."""
    ticks = [tick for turn in turns for tick in turn.visit.ticks]
    told = _headline(ticks, _contended(ticks))
    p10, p90 = np.quantile(told.readings, (0.1, 0.9))
    each = [_headline(part, told.contended).ms for part in _parts(turns)]
    ratio = statistics.median(turn.ratio for turn in turns)
    return Measurement(
        runtime=runtime,
        measured_ms=told.ms,
        p10_ms=float(p10),
        p90_ms=float(p90),
        runs=len(ticks),
        contended=told.contended,
        floor_ms=(max(each) - min(each)) / 2,
        nominal_ms=None if nominal_ms is None else ratio * nominal_ms,
    )


def _parts(turns: Sequence[Turn]) -> list[list[Tick]]:
    """The readings of each part of the rounds."""
    cuts = [round(i * len(turns) / _PARTS) for i in range(_PARTS + 1)]
    groups = [turns[start:stop] for start, stop in pairwise(cuts) if stop > start]
    return [[tick for turn in group for tick in turn.visit.ticks] for group in groups]


def _contended(ticks: Sequence[Tick]) -> bool:
    return sum(not tick.disturbed for tick in ticks) < _SHARE * len(ticks)


def _headline(ticks: Sequence[Tick], contended: bool) -> _Headline:
    """Median wall time of undisturbed readings; where too few were, the lower quartile of CPU time."""
    wall = tuple(tick.wall_ms for tick in ticks if not tick.disturbed)
    if wall and not contended:
        return _Headline(statistics.median(wall), wall, contended)
    cpu = tuple(tick.cpu_ms for tick in ticks)
    return _Headline(float(np.quantile(cpu, LOW)), cpu, contended)
