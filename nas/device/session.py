"""`Session`: models of one process, timed in turns with a reference. The same code runs here and on a board."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nas.device.clock import Clock, Runnable, quiet
from nas.device.profile import Profile
from nas.device.turns import REFERENCE_NUMBER, Subject, Visit, prepare_subject, visit, visits

_REFERENCE_READINGS = 5


class Session:
    """Everything is added before anything is timed: a compilation in between would heat and evict."""

    def __init__(self, reference: Runnable, clock: Clock) -> None:
        """Starts with the reference alone."""
        self._clock = clock
        self._reference = prepare_subject(reference, clock, _REFERENCE_READINGS, visit_ms=0)
        self._subjects: list[Subject] = []

    def add(self, run: Runnable, readings: int, visit_ms: float = 2.0) -> float:
        """A further subject; its number is how many came before it. Its rough milliseconds."""
        self._subjects.append(prepare_subject(run, self._clock, readings, visit_ms))
        return self._subjects[-1].rough_ms

    def visits(self, order: Sequence[int]) -> Iterator[Visit]:
        """One round over the subjects in this order."""
        with quiet():
            yield from visits(self._subjects, self._reference, order, self._clock)

    def profile(self, nodes: Callable[[], list[tuple[str, float]]]) -> Profile:
        """What a runtime's profiler says of a network that is no subject, the reference visited around it."""
        # To collect all that the program holds would take a tenth of the profile.
        with quiet(generation=1):
            before = visit(REFERENCE_NUMBER, self._reference, self._clock)
            found = nodes()
            return Profile(found, (before, visit(REFERENCE_NUMBER, self._reference, self._clock)))

    def now_s(self) -> float:
        """Seconds since some fixed moment."""
        return self._clock.now_s()
