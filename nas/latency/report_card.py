"""`Validation`: how well a table predicts whole networks it has not seen, beside how well a clock repeats itself."""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct


class Pair(Struct, frozen=True, forbid_unknown_fields=True):
    """A held-out network: predicted and measured at the table's nominal speed, and the raw sum of its entries."""

    predicted_ms: float
    measured_ms: float
    raw_ms: float


class Validation(Struct, frozen=True, forbid_unknown_fields=True):
    """The report card. Errors are relative (0.03 is 3 %).

    `floor` is the mean difference between single rounds of the same network: no table can be seen to be better
    than that. `q90` is the 90 % quantile of the absolute error, in its finite-sample form.
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


def grade(pairs: Sequence[Pair], floor: float) -> Validation:
    """The report card of at least two held-out networks."""
    predicted, measured, raw = np.array([(p.predicted_ms, p.measured_ms, p.raw_ms) for p in pairs]).T
    errors = predicted / measured - 1
    mape = float(np.mean(np.abs(errors)))
    return Validation(
        count=len(pairs),
        mape=mape,
        bias=float(np.mean(errors)),
        within_5=float(np.mean(np.abs(errors) <= 0.05)),
        within_10=float(np.mean(np.abs(errors) <= 0.10)),
        worst=float(np.max(np.abs(errors))),
        spearman=spearman(predicted.tolist(), measured.tolist()),
        q90=upper_quantile(np.abs(errors).tolist(), 0.9),
        floor=floor,
        error_over_floor=mape / floor if floor > 0 else math.inf,
        raw_mape=float(np.mean(np.abs(raw / measured - 1))),
        pairs=tuple(pairs),
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


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = np.sort(values)
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return list((left + right - 1) / 2)
