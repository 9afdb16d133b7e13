"""The protocol: everything is timed in turns with one reference network, and what is kept is the ratio to it.

A host's speed drifts by tens of percent within minutes, for all programs alike; a ratio to a network timed a
few milliseconds earlier and later does not see it. Order is shuffled in every round, and of each visit a low
quantile of thread CPU time is kept, which other programs disturb least.
"""

import statistics
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from nas.device.turns import REFERENCE, Visit

LOW = 0.25
# How many visits of the reference, before and after each turn, may be asked for its time there.
_WINDOWS = (1, 2, 4, 8, 16)
_AS_GOOD = 1.1


def protocol(in_thread: bool = True, gap_ms: float = 0.0) -> str:
    """How a timing is taken, in words: a condition of every number."""
    time = "thread CPU time" if in_thread else "wall time"
    told = f"turns-2: {time}, lower quartile a visit, over the median of a reference's times around, median of rounds"
    return f"{told}, {gap_ms:g} ms apart" if gap_ms else told


def low_ms(visit: Visit) -> float:
    """The lower quartile of CPU time."""
    return float(np.quantile([tick.cpu_ms for tick in visit.ticks], LOW))


class Turn(Struct, frozen=True):
    """A visit and the reference's time around it."""

    visit: Visit
    reference_ms: float

    @property
    def ratio(self) -> float:
        """Time over the reference's."""
        return low_ms(self.visit) / self.reference_ms


class Round(Struct, frozen=True):
    """The turns of one round by subject number, and the visits of the reference."""

    turns: dict[int, Turn]
    reference: tuple[Visit, ...]


def as_round(visits: Iterable[Visit]) -> Round:
    """The turns of visits in the order in which they were made, the reference's first and last among them."""
    references, bursts = list[Visit](), list[list[Visit]]()
    for visit in visits:
        if visit.number != REFERENCE:
            bursts[-1].append(visit)
        else:
            references.append(visit)
            bursts.append([])
    around = levels([low_ms(visit) for visit in references])
    turns = {v.number: Turn(v, level) for burst, level in zip(bursts[:-1], around, strict=True) for v in burst}
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
