"""Timings of unmeasured widths from measured neighbours; and which widths to measure so that few are needed.

A width is predicted only between two measured ones of its family: entries that are equal but for that one width. Three
rules keep a prediction from hiding what a device does:

- Neighbours are of the width's own grid class, its common divisor with 16. Off the grid of a blocked kernel the same
  network took up to 2.5 times as long (multiples of 1, 2, 4, 8, 16: 13.2, 12.0, 6.9, 6.1, 5.3 ms).
- The width lies on the lattice that the measured ones around it span. Where all were a multiple of 32 apart, a
  staircase of that period would look like a straight line, and the widths between its steps would be wrong unseen.
- Some measured width around it can itself be predicted from its neighbours; the worst of those misses, brought to the
  middle of the gap, is the prediction's uncertainty. Nothing is extrapolated, sorted or smoothed.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from msgspec.structs import replace

from nas.design.op import (
    Activate,
    Add,
    AnchorList,
    Concat,
    Conv,
    GlobalPool,
    Linear,
    Multiply,
    Op,
    Pool,
    Shuffle,
    Sigmoid,
    Slice,
    SqueezeExcite,
    Upsample,
    squeeze_width,
)
from nas.latency.prediction.entry import Entry, parse_key
from nas.latency.timing import Timing

# A predicted mid-point may miss by this much; where one misses by more, more is measured.
MISS = 0.03
# Widths are measured in pairs of neighbours this far apart: one every 32 channels, and not all on one period.
_PAIRS_APART = 64
_GRID = 16

Family = tuple[str, int]
Families = Mapping[Family, Mapping[int, Timing]]


def families(timings: Mapping[str, Timing]) -> Families:
    """Measured timings by family, then by width; an entry is of one family for each of its widths."""
    found: dict[Family, dict[int, Timing]] = defaultdict(dict)
    for key, timing in timings.items():
        if timing.source != "interpolated":
            for family, width in _families(parse_key(key)):
                found[family][width] = timing
    return found


def interpolate(entry: Entry, measured: Families) -> Timing | None:
    """The most certain timing between measured neighbours, flagged as such; None where none bracket the entry."""
    found = [
        timing
        for family, width in _families(entry)
        if (timing := _between(width, measured.get(family, {}))) is not None
    ]
    return min(found, key=lambda timing: timing.uncertainty, default=None)


def filled(entries: Iterable[Entry], timings: Mapping[str, Timing]) -> dict[str, Timing]:
    """Interpolated timings, by key, of those entries that lack one and can have one."""
    measured = families(timings)
    found = {entry.key: interpolate(entry, measured) for entry in entries if entry.key not in timings}
    return {key: timing for key, timing in found.items() if timing is not None}


def next_widths(measured: Mapping[int, float], wanted: Sequence[int]) -> list[int]:
    """Which of the wanted widths of one family to measure next, given the times so far; empty when it is enough.

    First the ends and pairs of neighbours, one width every 32 channels on average; then the middle of every gap that
    cannot yet be predicted within 3 %. Each grid class is a series of its own.
    """
    found: list[int] = []
    for grid in sorted({grid_class(width) for width in wanted}):
        series = sorted(width for width in {*wanted, *measured} if grid_class(width) == grid)
        times = {width: measured[width] for width in series if width in measured}
        found += [width for width in _start(series) if width not in times] or _gaps(series, times)
    return sorted(found)


def grid_class(width: int) -> int:
    """The largest of 1, 2, 4, 8 and 16 that divides a width."""
    return math.gcd(width, _GRID)


def _start(series: Sequence[int]) -> list[int]:
    """The ends, and from the first on two neighbours every 64 channels."""
    chosen, due = {series[-1]}, series[0]
    for width, after in pairwise(series):
        if width >= due:
            chosen |= {width, after}
            due = width + _PAIRS_APART
    return sorted(chosen)


def _gaps(series: Sequence[int], times: Mapping[int, float]) -> list[int]:
    found = []
    for low, high in pairwise(times):
        inside = [width for width in series if low < width < high]
        doubts = [_doubt(width, times) for width in inside]
        if any(doubt is None or doubt > MISS for doubt in doubts):
            found.append(inside[len(inside) // 2])
    return found


def _between(width: int, series: Mapping[int, Timing]) -> Timing | None:
    times = {other: series[other].ms for other in sorted(series) if grid_class(other) == grid_class(width)}
    doubt = _doubt(width, times)
    if doubt is None:
        return None
    low, high = max(w for w in times if w < width), min(w for w in times if w > width)
    ms, p10_ms, p90_ms = (
        _line(width, low, high, one, other)
        for one, other in zip(_quantiles(series[low]), _quantiles(series[high]), strict=True)
    )
    doubt = max(doubt, series[low].uncertainty, series[high].uncertainty)
    return Timing(ms, p10_ms, p90_ms, runs=0, rounds=0, source="interpolated", uncertainty=doubt)


def _doubt(width: int, times: Mapping[int, float]) -> float | None:
    """How far off a width's interpolation may be, from times by width in order; None where it must not be made."""
    below, above = [w for w in times if w < width][-2:], [w for w in times if w > width][:2]
    around = [*below, *above]
    if width in times or not below or not above or len(around) < 3:
        return None
    if (width - below[-1]) % math.gcd(*(high - low for low, high in pairwise(around))):
        return None
    return max(_miss(*three, times) for three in zip(around, around[1:], around[2:], strict=False))


def _miss(low: int, mid: int, high: int, times: Mapping[int, float]) -> float:
    """How far the line between its neighbours misses a measured width, as if that lay in their middle.

    Near one end a line misses little whatever lies between: before a step of a staircase, in proportion.
    """
    share = min(mid - low, high - mid) / (high - low)
    return abs(_line(mid, low, high, times[low], times[high]) / times[mid] - 1) * 0.5 / share


def _line(width: int, low: int, high: int, at_low: float, at_high: float) -> float:
    return at_low + (at_high - at_low) * (width - low) / (high - low)


def _quantiles(timing: Timing) -> tuple[float, float, float]:
    return timing.ms, timing.p10_ms, timing.p90_ms


def _families(entry: Entry) -> list[tuple[Family, int]]:
    """Each width of an entry with the name of all else: the key with zeros for the width, and which one it is."""
    first, *rest = entry.ops
    return [((Entry("", (op, *rest)).key, axis), width) for axis, (op, width) in enumerate(_widths(first))]


def _widths(op: Op) -> list[tuple[Op, int]]:
    """An op without one of its widths, and that width. Widths that follow from one another are one."""
    match op:
        case Conv() if op.depthwise:
            return [(replace(op, in_width=0, out_width=0, groups=0), op.in_width)]
        case Conv() if op.groups > 1:
            return []
        case Conv() | Linear():
            return [(replace(op, in_width=0), op.in_width), (replace(op, out_width=0), op.out_width)]
        case SqueezeExcite():
            coupled = op.inner == squeeze_width(op.width)
            return [(replace(op, width=0, inner=0), op.width)] if coupled else []
        case Add() | GlobalPool() | Activate() | Pool() | Upsample() | Sigmoid() | Multiply():
            return [(replace(op, width=0), op.width)]
        case Shuffle():  # only even widths, and so on: a multiple of the groups
            return [(replace(op, width=0), op.width)]
        case Slice():
            halves = op.width * 2 == op.in_width and op.first in (0, op.width)
            return [(replace(op, in_width=0, width=0, first=min(op.first, 1)), op.width)] if halves else []
        case Concat():
            return [(replace(op, widths=(0,) * len(op.widths)), op.width)] if len(set(op.widths)) == 1 else []
        case AnchorList():  # its widths are anchors times columns, of which there are few
            return []
