"""Subjects visited in turns with one reference network: what a device does, whatever is read from it later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nas.device.clock import Clock, Runnable, Tick

# The number of the reference among the visits.
REFERENCE_NUMBER = -1
# One clock reading costs about a microsecond: shorter runs are timed several at once.
_SHORTEST_MS = 0.1
# The reference is visited again after this much time of others.
_BURST_MS = 10.0
# A round has at least this many bursts, however short it is.
_BURSTS = 16


class Subject(NamedTuple):
    """What is timed: a run, how many go into one reading, how many readings a visit takes; and its rough time."""

    run: Runnable
    together: int
    readings: int
    rough_ms: float

    @property
    def visit_ms(self) -> float:
        """About how long a visit takes."""
        return self.rough_ms * self.together * self.readings


class Visit(NamedTuple):
    """The readings of one visit to a subject (REFERENCE is the reference)."""

    number: int
    ticks: tuple[Tick, ...]


def prepare_subject(run: Runnable, clock: Clock, readings: int, visit_ms: float = 2.0) -> Subject:
    """A subject whose visits take about `visit_ms`, and never fewer than `readings` readings."""
    clock.time(run, 2)
    rough = min(clock.time(run, 1).cpu_ms for _ in range(3))
    together = max(1, min(50, round(_SHORTEST_MS / max(rough, 1e-4))))
    fitting = int(visit_ms / max(rough * together, 1e-4))
    return Subject(run, together, max(readings, min(fitting, 3 * readings)), rough)


def visits(subjects: Sequence[Subject], reference: Subject, order: Sequence[int], clock: Clock) -> Iterator[Visit]:
    """Visits subjects in the order given, the reference before, after, and about every ten milliseconds."""
    yield visit(REFERENCE_NUMBER, reference, clock)
    for burst in _bursts(subjects, order):
        for number in burst:
            yield visit(number, subjects[number], clock)
        yield visit(REFERENCE_NUMBER, reference, clock)


def visit(number: int, subject: Subject, clock: Clock) -> Visit:
    """Two runs to warm up, then the readings."""
    clock.time(subject.run, 2)
    return Visit(number, tuple(clock.time(subject.run, subject.together) for _ in range(subject.readings)))


def _bursts(subjects: Sequence[Subject], order: Sequence[int]) -> Iterator[list[int]]:
    """The order cut where about ten milliseconds, or a sixteenth of a short round, have passed."""
    limit = min(_BURST_MS, sum(subjects[number].visit_ms for number in order) / _BURSTS)
    burst: list[int] = []
    spent = 0.0
    for number in order:
        burst.append(number)
        spent += subjects[number].visit_ms
        if spent >= limit:
            yield burst
            burst, spent = [], 0.0
    if burst:
        yield burst
