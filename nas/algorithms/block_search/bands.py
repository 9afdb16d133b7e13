"""`Bands`: the predicted latencies between which networks are searched, for each resolution that is searched."""

import bisect
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.design.size import Size

LEAST_IN_BAND = 4  # networks that a band holds at least
_LEAST = 0.93  # a band reaches down from the budget to this share of it at least
Band = tuple[float, float]


class Bands(Struct, frozen=True):
    """The lowest and highest predicted milliseconds by resolution in pixels; other resolutions are not searched."""

    by_resolution: Mapping[Size, Band]

    @property
    def low_ms(self) -> float:
        """The lowest of all."""
        return min(low for low, _ in self.by_resolution.values())

    @property
    def high_ms(self) -> float:
        """The highest of all."""
        return max(high for _, high in self.by_resolution.values())

    def excess_ms(self, arch: Architecture, predicted_ms: float) -> float:
        """Milliseconds outside the band of its resolution: 0 or less inside, above 0 where there is no band."""
        if arch.resolution not in self.by_resolution:
            return max(predicted_ms, self.high_ms)
        low, high = self.by_resolution[arch.resolution]
        return max(predicted_ms - high, low - predicted_ms)

    def reaching_down(self, share: float) -> "Bands":
        """The same bands with a lower end that is this share of theirs."""
        return Bands({side: (share * low, high) for side, (low, high) in self.by_resolution.items()})


def bands_for(target_ms: float, budget_ms: float, times: Mapping[Size, Sequence[float]]) -> Bands:
    """The band of every resolution, given the sorted predicted times of random draws at each (see `band`).

    A resolution at which every network is too slow is left out, unless that is so of all: then the fastest stays.
    """
    fastest = min(times, key=lambda side: times[side][0])
    return Bands(
        {
            side: band(target_ms, budget_ms, found)
            for side, found in times.items()
            if found[0] <= budget_ms or side == fastest
        }
    )


def band(target_ms: float, budget_ms: float, times: Sequence[float]) -> Band:
    """The predicted latencies between which networks are trained, given the sorted times of random draws.

    Brief training favours small networks, which learn quickly, over the ones that are best in the end; so those
    that leave the target unused are not trained. NetAdapt then starts above the target, as in the paper, or where
    the budget leaves little room, just below. Where too few draws lie in the band (the target is outside the space)
    the nearest ones are the band.
    """
    low, high = min(target_ms, _LEAST * budget_ms), budget_ms
    if sum(low <= ms <= high for ms in times) >= LEAST_IN_BAND:
        return low, high
    below = bisect.bisect_right(times, high)
    first = max(0, below - LEAST_IN_BAND)
    return times[first], max(high, times[min(first + LEAST_IN_BAND, len(times)) - 1])


def join_bands(several: Iterable[Bands]) -> Bands:
    """Bands that hold all of several, for example of all targets of a run."""
    found: dict[Size, Band] = {}
    for bands in several:
        for side, (low, high) in bands.by_resolution.items():
            other_low, other_high = found.get(side, (low, high))
            found[side] = min(low, other_low), max(high, other_high)
    return Bands(found)
