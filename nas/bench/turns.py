"""The protocol: everything is timed in turns with one reference network, and what is kept is the ratio to it.

A host's speed drifts by tens of percent within minutes, for all programs alike; a ratio to a network timed a
few milliseconds earlier and later does not see it. Order is shuffled in every round. One statistic is used for entries,
whole networks and the reference alike: the median wall time of the runs that nothing disturbed.
"""

import statistics
from collections.abc import Iterable, Sequence

from msgspec import Struct

from nas.device.clock import Tick
from nas.device.turns import REFERENCE_NUMBER, Visit

# How many visits of the reference, before and after each turn, may be asked for its time there.
_WINDOWS = (1, 2, 4, 8, 16)
_AS_GOOD = 1.1
# Wall times count if at least this share of the readings was undisturbed.
UNDISTURBED = 0.3


def protocol(gap_ms: float = 0.0) -> str:
    """Describe how a timing is taken: a condition of every number."""
    told = "turns-3: median wall time of undisturbed runs, over the median of a reference's around, median of rounds"
    return f"{told}, {gap_ms:g} ms apart" if gap_ms else told


def is_contended(ticks: Sequence[Tick]) -> bool:
    """Whether too few readings were undisturbed for their wall time to be told."""
    return sum(not tick.disturbed for tick in ticks) < UNDISTURBED * len(ticks)


def choose_times(ticks: Sequence[Tick], contended: bool) -> list[float]:
    """Milliseconds of the undisturbed readings; of a contended device the CPU time of all, which comes nearest."""
    return [tick.cpu_ms for tick in ticks] if contended else [tick.wall_ms for tick in ticks if not tick.disturbed]


def typical_ms(ticks: Sequence[Tick]) -> float:
    """Median wall time of the undisturbed readings, or CPU time of all if too few were."""
    return statistics.median(choose_times(ticks, is_contended(ticks)))


class Turn(Struct, frozen=True):
    """A visit and the reference's time around it."""

    visit: Visit
    reference_ms: float

    @property
    def ratio(self) -> float:
        """Time over the reference's."""
        return typical_ms(self.visit.ticks) / self.reference_ms

    @property
    def times_ms(self) -> list[float]:
        """Milliseconds of the readings that count."""
        return choose_times(self.visit.ticks, is_contended(self.visit.ticks))


class Round(Struct, frozen=True):
    """The turns of one round by subject number, and the visits of the reference."""

    turns: dict[int, Turn]
    reference: tuple[Visit, ...]


def as_round(visits: Iterable[Visit]) -> Round:
    """The turns of visits in the order in which they were made, the reference's first and last among them."""
    references, bursts = list[Visit](), list[list[Visit]]()
    for visit in visits:
        if visit.number != REFERENCE_NUMBER:
            bursts[-1].append(visit)
        else:
            references.append(visit)
            bursts.append([])
    around = levels([typical_ms(visit.ticks) for visit in references])
    turns = {v.number: Turn(v, level) for burst, level in zip(bursts[:-1], around, strict=True) for v in burst}
    return Round(turns, tuple(references))


def levels(times_ms: Sequence[float]) -> list[float]:
    """The reference's time at each gap between two of its visits: the median of those around.

    The window is the widest that predicts the reference's own visits from their neighbours about as well as any:
    wide where single visits are noisy (a busy machine: 1 on either side, rounds repeated to 6.2 %; 16, to 3.8 %),
    narrow where the machine's speed moves fast.
    """
    gaps = range(1, len(times_ms))
    if not gaps:
        return []
    misses = {around: _misses(times_ms, around) for around in _WINDOWS}
    window = max(around for around in _WINDOWS if misses[around] <= _AS_GOOD * min(misses.values()))
    return [statistics.median(times_ms[max(0, gap - window) : gap + window]) for gap in gaps]


def _misses(times_ms: Sequence[float], around: int) -> float:
    """How far each visit is from the median of its neighbours, on average."""
    found = [
        abs(ms - statistics.median([*times_ms[max(0, i - around) : i], *times_ms[i + 1 : i + 1 + around]]))
        for i, ms in enumerate(times_ms)
    ]
    return statistics.fmean(found)
