"""How far from a target a search aims, given how wrong its table may be."""

from nas.latency.prediction.estimate import relative_bound
from nas.latency.report_card import upper_quantile
from nas.latency.table import LatencyTable

_LEAST_GUARD, _MOST_GUARD = 0.03, 0.10
# Of networks aimed at a target, the share that is to measure within it at once, and how far below it is aimed at most.
_USUALLY, _LOWEST = 0.8, 0.9


def guard(table: LatencyTable) -> float:
    """How far beyond the target the block search looks: the table's 90 % error, within reason."""
    return min(max(relative_bound(table), _LEAST_GUARD), _MOST_GUARD)


def reach(table: LatencyTable) -> float:
    """The share of a target to aim at in predicted time, so that four of five networks measure within the target.

    It follows from what the held-out networks of the report card measured over what was predicted.
    """
    pairs = table.header.validation.pairs
    if not pairs:
        return 1 / (1 + guard(table))
    excess = upper_quantile([pair.measured_ms / pair.predicted_ms for pair in pairs], _USUALLY)
    return min(1.0, max(1 / excess, _LOWEST))
