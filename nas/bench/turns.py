"""The protocol: everything is timed in turns with one reference network, and what is kept is the ratio to it.

A host's speed drifts by tens of percent within minutes, for all programs alike; a ratio to a network timed a
few milliseconds earlier and later does not see it. Order is shuffled in every round, and of each visit a low
quantile of thread CPU time is kept, which other programs disturb least.
"""

import random
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from nas.bench.clock import Clock, Run, Tick

PROTOCOL = "turns-1: thread CPU time, lower quartile a visit, over a reference timed before and after, median of rounds"
LOW = 0.25
# One clock reading costs about a microsecond: shorter runs are timed several at once.
_SHORTEST_MS = 0.1
# The reference is visited again after this much time of others.
_BURST_MS = 10.0


class Subject(Struct, frozen=True):
    """What is timed: a run, how many go into one reading, how many readings a visit takes; and its rough time."""

    run: Run
    together: int
    readings: int
    rough_ms: float


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
    before = visit(reference, clock)
    references, turns = [before], dict[int, Turn]()
    for burst in _bursts(subjects, order):
        visits = [(number, visit(subjects[number], clock)) for number in burst]
        after = visit(reference, clock)
        around = (before.low_ms + after.low_ms) / 2
        turns.update((number, Turn(found, around)) for number, found in visits)
        references.append(after)
        before = after
    return Round(turns, tuple(references))


def shuffled(count: int, rng: random.Random) -> list[int]:
    """The numbers below `count` in random order."""
    order = list(range(count))
    rng.shuffle(order)
    return order


def _bursts(subjects: Sequence[Subject], order: Iterable[int]) -> Iterable[list[int]]:
    burst, spent = list[int](), 0.0
    for number in order:
        subject = subjects[number]
        burst.append(number)
        spent += subject.rough_ms * subject.together * subject.readings
        if spent >= _BURST_MS:
            yield burst
            burst, spent = [], 0.0
    if burst:
        yield burst
