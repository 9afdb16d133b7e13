"""`Validation`: how well a table predicts whole networks it has not seen, beside how well a clock repeats itself."""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

# No clock is taken to repeat itself better than this; it keeps error over floor a number.
_FINEST = 1e-6


class Limits(Struct, frozen=True):
    """What a report card must keep."""

    mape: float
    within_10: float
    spearman: float


BUILT = Limits(mape=0.05, within_10=0.95, spearman=0.95)
# One scale from a handful of networks; the device that the table comes from was validated by itself.
IMPORTED = Limits(mape=0.05, within_10=0.0, spearman=0.95)
MOST_OVER_FLOOR = 1.5
# A clock that repeats itself worse than this judges no table.
MOST_FLOOR = 0.10


class Pair(Struct, frozen=True, forbid_unknown_fields=True):
    """A held-out network: predicted and measured at the table's nominal speed, and the raw sum of its entries."""

    predicted_ms: float
    measured_ms: float
    raw_ms: float


class Validation(Struct, frozen=True, forbid_unknown_fields=True):
    """The report card. Errors are relative (0.03 is 3 %).

    `floor` is the mean difference between single rounds of the same network: no table can be seen to be better
    than that. `q90` is the 90 % quantile of the absolute error, in its finite-sample form. `miss_bound` is what, with
    95 % confidence, no more than this share of all networks is off by more than 10 %; `mape_interval` is the 95 %
    bootstrap interval of `mape`. Both are None in tables of version 1.
    """

    count: int
    mape: float
    bias: float
    within_5: float
    within_10: float
    worst: float
    spearman: float
    q90: float
    floor: float
    error_over_floor: float
    raw_mape: float
    pairs: tuple[Pair, ...]
    miss_bound: float | None = None
    mape_interval: tuple[float, float] | None = None


def grade(pairs: Sequence[Pair], floor: float) -> Validation:
    """The report card of at least two held-out networks."""
    predicted, measured, raw = np.array([(p.predicted_ms, p.measured_ms, p.raw_ms) for p in pairs]).T
    errors = predicted / measured - 1
    sizes = np.abs(errors)
    mape = float(sizes.mean())
    return Validation(
        count=len(pairs),
        mape=mape,
        bias=float(np.mean(errors)),
        within_5=float(np.mean(sizes <= 0.05)),
        within_10=float(np.mean(sizes <= 0.10)),
        worst=float(sizes.max()),
        spearman=spearman(predicted.tolist(), measured.tolist()),
        q90=upper_quantile(sizes.tolist(), 0.9),
        floor=floor,
        error_over_floor=mape / max(floor, _FINEST),
        raw_mape=float(np.mean(np.abs(raw / measured - 1))),
        pairs=tuple(pairs),
        miss_bound=upper_share(int(np.sum(sizes > 0.10)), len(pairs)),
        mape_interval=_mean_interval(sizes),
    )


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Rank correlation; ties share their mean rank; 0 where one side does not vary."""
    ranks = np.array([_ranks(a), _ranks(b)])
    if np.any(ranks.std(axis=1) == 0):
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])


def upper_quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of new draws stay under: the ceil(share (n + 1))-th of n."""
    ordered = sorted(values)
    return ordered[min(len(ordered), math.ceil(share * (len(ordered) + 1))) - 1]


def repeat_floor(rounds: Sequence[Sequence[float]]) -> float:
    """Mean relative difference between two rounds of a network, over networks and pairs; `rounds[network][round]`."""
    found = [abs(a - b) / ((a + b) / 2) for values in rounds for i, a in enumerate(values) for b in values[i + 1 :]]
    return float(np.mean(found)) if found else 0.0


def upper_share(hits: int, count: int, confidence: float = 0.95) -> float:
    """The one-sided upper bound of a share of which `hits` of `count` were seen (Clopper and Pearson 1934).

    Without a hit it is 1 - 0.05 ** (1 / count), about 3 / count.

    >>> round(upper_share(0, 59), 4)
    0.0495
    """
    low, high = hits / count, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        seen = sum(math.comb(count, k) * middle**k * (1 - middle) ** (count - k) for k in range(hits + 1))
        low, high = (low, middle) if seen < 1 - confidence else (middle, high)
    return high


def verdict(card: Validation, imported: bool = False) -> str:
    """ "passed", or "failed: ..." with every figure that misses its limit.

    A table passes that keeps all limits, or whose error is little above what the clock itself repeats to: more
    cannot be asked of any table. Where the clock repeats to nothing useful, nothing is shown either way, and it fails.
    """
    limits = IMPORTED if imported else BUILT
    missed = [
        *_above("mean error", card.mape, limits.mape),
        *_below("within 10 %", card.within_10, limits.within_10),
    ]
    if card.spearman < limits.spearman:
        missed.append(f"rank correlation {card.spearman:.3f} (at least {limits.spearman:g})")
    if not missed:
        return "passed"
    if card.floor > MOST_FLOOR:
        missed.append(f"the clock repeats itself only to {card.floor:.1%}, so that says little: use a quieter machine")
    elif card.error_over_floor <= MOST_OVER_FLOOR:
        return "passed"
    else:
        missed.append(f"error over floor {card.error_over_floor:.2f} (at most {MOST_OVER_FLOOR:g})")
    return f"failed: {', '.join(missed)}"


def _above(name: str, value: float, most: float) -> list[str]:
    return [f"{name} {value:.1%} (at most {most:.0%})"] if value > most else []


def _below(name: str, value: float, least: float) -> list[str]:
    return [f"{value:.0%} {name} (at least {least:.0%})"] if value < least else []


def _mean_interval(values: NDArray[np.float64], draws: int = 1000) -> tuple[float, float]:
    """The central 95 % of means of as many values, drawn with replacement; always the same draws."""
    picked = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(values[picked].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = np.sort(values)
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return list((left + right - 1) / 2)
