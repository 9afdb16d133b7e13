"""Quantiles of a network's runs, over its median: what people with deadlines need.

All runs count, the disturbed ones too: a deadline does not ask why a run was late. Each is divided by the reference's
time around it, so that the device's speed, which moves, is not taken for spread.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nas.bench.rounds import turns_of
from nas.bench.turns import Round, Turn
from nas.latency.quantile import Quantile
from nas.latency.report_card import Pair, Validation, grade, repeat_floor
from nas.latency.statistic import SHARES


def quantile_ratio(turns: Sequence[Turn], share: float) -> float:
    """A network's quantile over its median."""
    return float(np.quantile(_spread(turns), share))


def fit_quantiles(
    rounds: Sequence[Round], calibration: Iterable[int], held_out: Mapping[int, Pair]
) -> tuple[Quantile, ...]:
    """The quantiles of a table: one ratio for all networks, from those of the calibration, graded on the held-out ones.

    The networks are given by subject number; the pairs are predicted and measured medians.
    """
    pooled = [value for number in calibration for value in _spread(turns_of(rounds, number))]
    shares = [share for name, share in SHARES.items() if name != "p50"]
    ratios = [float(np.quantile(pooled, share)) for share in shares]
    return tuple(
        Quantile(share, ratio, len(pooled), _graded(rounds, share, ratio, held_out))
        for share, ratio in zip(shares, ratios, strict=True)
    )


def _graded(rounds: Sequence[Round], share: float, ratio: float, held_out: Mapping[int, Pair]) -> Validation:
    """The report card of a quantile that is predicted as so many times the predicted median."""
    pairs, each = [], []
    for number, pair in held_out.items():
        turns = turns_of(rounds, number)
        own = quantile_ratio(turns, share)
        pairs.append(Pair(ratio * pair.predicted_ms, own * pair.measured_ms, ratio * pair.raw_ms))
        each.append([turn.ratio * quantile_ratio([turn], share) for turn in turns])
    return grade(pairs, repeat_floor(each))


def _spread(turns: Sequence[Turn]) -> list[float]:
    """Every run's wall time over the reference's around it and over the median of the rounds."""
    middle = statistics.median(turn.ratio for turn in turns)
    return [tick.wall_ms / turn.reference_ms / middle for turn in turns for tick in turn.visit.ticks]
