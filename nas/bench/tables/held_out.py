"""Whole networks against a table: which ones, and how well they are predicted."""

import random
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from nas.bench.rounds import ratios
from nas.bench.turns import Round
from nas.design.graph import Graph, lower
from nas.design.size import Size
from nas.design.space import SearchSpace
from nas.latency.prediction.calibrate import Calibration
from nas.latency.prediction.entry import entries
from nas.latency.prediction.estimate import MissingEntries
from nas.latency.report_card import Pair, Validation, grade, repeat_floor
from nas.latency.table import Reference

# How many networks validate a table. With none of 59 off by 10 %, fewer than 5 % of all are, at 95 % confidence.
QUICK, USUAL, STRICT = 10, 20, 59
# Networks are chosen from this many draws.
_DRAWS = 400


def spread_graphs(
    space: SearchSpace, resolution: Size, count: int, rough_ms: Mapping[str, float], rng: random.Random
) -> list[Graph]:
    """Random networks of a space, evenly over the range of latency that random networks have, cheapest first."""
    drawn = {lower(space.sample(rng, resolution)) for _ in range(_DRAWS)}
    rough = {graph: raw_ms(graph, rough_ms) for graph in drawn}
    ordered = sorted(drawn, key=lambda graph: rough[graph])
    times = np.array([rough[graph] for graph in ordered])
    chosen: list[int] = []
    for target in np.linspace(times[0], times[-1], min(count, len(ordered))):
        free = [i for i in range(len(ordered)) if i not in chosen]
        chosen.append(min(free, key=lambda i: abs(times[i] - target)))
    return [ordered[i] for i in sorted(chosen)]


def raw_ms(graph: Graph, timings_ms: Mapping[str, float]) -> float:
    """The bare sum of a network's entries; raises MissingEntries if one was not timed."""
    keys = [entry.key for entry in entries(graph)]
    if lacking := dict.fromkeys(key for key in keys if key not in timings_ms):
        raise MissingEntries(lacking)
    return sum(timings_ms[key] for key in keys)


def predict_ms(graph: Graph, timings_ms: Mapping[str, float], calibration: Calibration) -> float:
    """The calibrated sum."""
    return sum(calibration.factor(entry) * timings_ms[entry.key] for entry in entries(graph))


def network_ms(rounds: Sequence[Round], number: int, nominal_ms: float) -> float:
    """A whole network's time at nominal speed: the median of its rounds."""
    return statistics.median(ratios(rounds, number)) * nominal_ms


def compare(
    graphs: Mapping[int, Graph],
    rounds: Sequence[Round],
    timings_ms: Mapping[str, float],
    calibration: Calibration,
    reference: Reference,
) -> dict[int, Pair]:
    """Predicted and measured times of networks, given by subject number."""
    return {
        number: Pair(
            predict_ms(graph, timings_ms, calibration) + reference.call_ms,
            network_ms(rounds, number, reference.nominal_ms),
            raw_ms(graph, timings_ms) + reference.call_ms,
        )
        for number, graph in graphs.items()
    }


def grade_pairs(pairs: Mapping[int, Pair], rounds: Sequence[Round]) -> Validation:
    """The report card of networks, given by subject number."""
    return grade(list(pairs.values()), repeat_floor([ratios(rounds, number) for number in pairs]))
