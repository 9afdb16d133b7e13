"""What a build learns from whole networks: the calibration, and the report cards of all that it predicts."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from nas.bench.quantiles import fit_quantiles
from nas.bench.tables.held_out import compare, grade_pairs, network_ms
from nas.bench.turns import Round
from nas.design.graph import Graph
from nas.latency.prediction.calibrate import Calibration, calibrate
from nas.latency.prediction.entry import entries
from nas.latency.quantile import Quantile
from nas.latency.report_card import Validation
from nas.latency.table import Reference
from nas.latency.timing import Timing

# Random networks, and of a table that has to be quick; calibration also gets the ends of the space and the published
# networks, which search compares with.
CALIBRATION, QUICK_CALIBRATION = 30, 16


class Roles(Struct, frozen=True):
    """The numbers of the networks that calibrate a table, validate it, and lie outside its space."""

    calibration: Sequence[int]
    held_out: Sequence[int]
    outside: Sequence[int]


class Cards(Struct, frozen=True):
    """The calibration, and how well it predicts networks of the space, others, and quantiles."""

    calibration: Calibration
    validation: Validation
    outside: Validation
    quantiles: tuple[Quantile, ...]


def assign_roles(numbers: Sequence[int], anchors: int, outside: int, calibration: int = CALIBRATION) -> Roles:
    """The roles of networks in this order: so many anchors, random ones from cheap to expensive, so many outside.

    `calibration` of the random ones are for that, evenly spaced.
    """
    drawn = numbers[anchors : len(numbers) - outside]
    chosen = _choose_evenly(drawn, calibration)
    return Roles(
        calibration=[*numbers[:anchors], *sorted(chosen)],
        held_out=[number for number in drawn if number not in chosen],
        outside=numbers[len(numbers) - outside :],
    )


def make_cards(
    graphs: Mapping[int, Graph],
    roles: Roles,
    rounds: Sequence[Round],
    timings: Mapping[str, Timing],
    reference: Reference,
) -> Cards:
    """The cards of a table with these timings, from rounds over its networks."""
    bare = {key: value.ms for key, value in timings.items()}
    measured = [network_ms(rounds, i, reference.nominal_ms) - reference.call_ms for i in roles.calibration]
    calibration = calibrate([entries(graphs[i]) for i in roles.calibration], bare, measured)
    pairs = compare(graphs, rounds, bare, calibration, reference)
    held_out = {i: pairs[i] for i in roles.held_out}
    return Cards(
        calibration=calibration,
        validation=grade_pairs(held_out, rounds),
        outside=grade_pairs({i: pairs[i] for i in roles.outside}, rounds),
        quantiles=fit_quantiles(rounds, roles.calibration, held_out),
    )


def _choose_evenly(numbers: Sequence[int], count: int) -> set[int]:
    """`count` of the numbers, evenly spaced, the ends among them."""
    return {numbers[round(position)] for position in np.linspace(0, len(numbers) - 1, min(count, len(numbers) - 2))}
