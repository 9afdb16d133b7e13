"""The protocol: everything is timed in turns with one reference network, and what is kept is the ratio to it.

A host's speed drifts by tens of percent within minutes, for all programs alike; a ratio to a network timed a
few milliseconds earlier and later does not see it. Order is shuffled in every round, and of each visit a low
quantile of thread CPU time is kept, which other programs disturb least.
"""

import random
import statistics
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from nas.bench.clock import Clock, Run, Tick

PROTOCOL = (
    "turns-2: thread CPU time, lower quartile a visit, over the median of a reference's times around, median of rounds"
)
LOW = 0.25
# One clock reading costs about a microsecond: shorter runs are timed several at once.
_SHORTEST_MS = 0.1
# The reference is visited again after this much time of others.
_BURST_MS = 10.0
# How many visits of the reference, before and after each turn, may be asked for its time there.
_WINDOWS = (1, 2, 4, 8, 16)
_AS_GOOD = 1.1


class Subject(Struct, frozen=True):
    """What is timed: a run, how many go into one reading, how many readings a visit takes; and its rough time."""

    run: Run
    together: int
    readings: int
    rough_ms: float

    @property
    def visit_ms(self) -> float:
        """About how long a visit takes."""
        return self.rough_ms * self.together * self.readings


class Visit(Struct, frozen=True):
    """The readings of one visit."""

    ticks: tuple[Tick, ...]

    @property
    def low_ms(self) -> float:
        """The lower quartile of CPU time."""
        return float(np.quantile([tick.cpu_ms for tick in self.ticks], LOW))

    @property
    def total_ms(self) -> float:
        """Wall time of all readings (of one run each)."""
        return sum(tick.wall_ms for tick in self.ticks)


class Turn(Struct, frozen=True):
    """A visit and the reference's time around it."""

    visit: Visit
    reference_ms: float

    @property
    def ratio(self) -> float:
        """Time over the reference's."""
        return self.visit.low_ms / self.reference_ms


class Round(Struct, frozen=True):
    """The turns of one round by subject number, and the visits of the reference."""

    turns: dict[int, Turn]
    reference: tuple[Visit, ...]


def gauge(run: Run, clock: Clock, readings: int, visit_ms: float = 2.0) -> Subject:
    """A subject whose visits take about `visit_ms`, and never fewer than `readings` readings."""
    clock.time(run, 2)
    rough = min(clock.time(run, 1).cpu_ms for _ in range(3))
    together = max(1, min(50, round(_SHORTEST_MS / max(rough, 1e-4))))
    fitting = int(visit_ms / max(rough * together, 1e-4))
    return Subject(run, together, max(readings, min(fitting, 3 * readings)), rough)


def visit(subject: Subject, clock: Clock) -> Visit:
    """Two runs to warm up, then the readings."""
    clock.time(subject.run, 2)
    return Visit(tuple(clock.time(subject.run, subject.together) for _ in range(subject.readings)))


def one_round(subjects: Sequence[Subject], reference: Subject, order: Iterable[int], clock: Clock) -> Round:
    """Visits subjects in the order given, the reference before, after, and about every ten milliseconds."""
    references, bursts = [visit(reference, clock)], list[list[tuple[int, Visit]]]()
    for numbers in _bursts(subjects, list(order)):
        bursts.append([(number, visit(subjects[number], clock)) for number in numbers])
        references.append(visit(reference, clock))
    around = levels([found.low_ms for found in references])
    turns = {number: Turn(found, level) for burst, level in zip(bursts, around, strict=True) for number, found in burst}
    return Round(turns, tuple(references))


def levels(lows_ms: Sequence[float]) -> list[float]:
    """The reference's time at each gap between two of its visits: the median of those around.

    The window is the widest that predicts the reference's own visits from their neighbours about as well as any:
    wide where single visits are noisy (a busy machine: 1 on either side, rounds repeated to 6.2 %; 16, to 3.8 %),
    narrow where the machine's speed moves fast.
    """
    gaps = range(1, len(lows_ms))
    if not gaps:
        return []
    misses = {around: _misses(lows_ms, around) for around in _WINDOWS}
    window = max(around for around in _WINDOWS if misses[around] <= _AS_GOOD * min(misses.values()))
    return [statistics.median(lows_ms[max(0, gap - window) : gap + window]) for gap in gaps]


def _misses(lows_ms: Sequence[float], around: int) -> float:
    """How far each visit is from the median of its neighbours, on average."""
    found = [
        abs(low - statistics.median([*lows_ms[max(0, i - around) : i], *lows_ms[i + 1 : i + 1 + around]]))
        for i, low in enumerate(lows_ms)
    ]
    return statistics.fmean(found)


def shuffled(count: int, rng: random.Random) -> list[int]:
    """The numbers below `count` in random order."""
    order = list(range(count))
    rng.shuffle(order)
    return order


def _bursts(subjects: Sequence[Subject], order: Sequence[int]) -> Iterable[list[int]]:
    """The order cut where about ten milliseconds, or a sixteenth of a short round, have passed."""
    limit = min(_BURST_MS, sum(subjects[number].visit_ms for number in order) / _WINDOWS[-1])
    burst, spent = list[int](), 0.0
    for number in order:
        burst.append(number)
        spent += subjects[number].visit_ms
        if spent >= limit:
            yield burst
            burst, spent = [], 0.0
    if burst:
        yield burst
