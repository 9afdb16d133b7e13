"""A front of accuracy and latency: which networks no other beats in both, and how good they are together."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.design.size import Size
from nas.latency.statistic import OLD

T = TypeVar("T")
Point = tuple[float, float]  # accuracy, latency in ms


class FrontNetwork(Struct, frozen=True):
    """A network of the front; its `accuracy` is the evaluator's estimate on the validation split, not a final one.

    `measured_ms` is of the whole network by the clock, at the speed of the table; `file` holds the architecture, inside
    the run folder.
    """

    file: str
    architecture: Architecture
    predicted_ms: float
    error_bound_ms: float
    measured_ms: float
    accuracy: float
    accuracy_ci95: tuple[float, float]
    params: int
    macs: int
    trial: int


class Front(Struct, frozen=True):
    """`front.json`: networks from the fastest to the most accurate, none beaten by another in what was measured.

    `hypervolume` is of all that was evaluated, by predicted latency: see the function of that name. Latencies are what
    `statistic` says, at the speed of the table. `limits` are the budgets that all of them meet, in words.
    """

    low_ms: float
    high_ms: float
    networks: tuple[FrontNetwork, ...]
    hypervolume: float
    evaluated: int
    evaluator: str
    sampler: str
    runtime: str
    device: str
    resolution: Size
    data: str
    seed: int
    seconds: float
    table: str
    notes: tuple[str, ...] = ()
    peaks_mb: dict[str, int] = {}
    statistic: str = OLD
    limits: str = ""


def nondominated(items: Iterable[T], point: Callable[[T], Point]) -> list[T]:
    """Those that no other is both as fast as and as accurate as, from fast to slow; of equal ones the first."""
    best = float("-inf")
    found = []
    for item in sorted(items, key=lambda item: (point(item)[1], -point(item)[0])):
        if point(item)[0] > best:
            best = point(item)[0]
            found.append(item)
    return found


def hypervolume(points: Sequence[Point], low_ms: float, high_ms: float) -> float:
    """The best accuracy within a latency, as a mean over all latencies from `low_ms` to `high_ms`.

    That is the area under the front, the hypervolume with the reference point (0, `high_ms`), as a share of what the
    accuracy 1 would have; where nothing is fast enough the accuracy counts as 0.
    """
    front = nondominated(((accuracy, max(ms, low_ms)) for accuracy, ms in points if ms <= high_ms), lambda point: point)
    ends = [*(ms for _, ms in front[1:]), high_ms][: len(front)]
    area = sum(accuracy * (end - ms) for (accuracy, ms), end in zip(front, ends, strict=True))
    return area / (high_ms - low_ms)


def thinned(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of them, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]
