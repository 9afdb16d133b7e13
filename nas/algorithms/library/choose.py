"""`choose`: one option at every place, so that the sum of losses is least and those of costs are within limits."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from scipy.optimize import Bounds, LinearConstraint, milp

# Of a program; one of 17 places with 15 options each takes a tenth of a second.
_OPTIONS = {"time_limit": 20.0, "mip_rel_gap": 0.0}


class Option(Struct, frozen=True):
    """What an alternative changes: the loss, and each of the costs that are limited (milliseconds, parameters, …)."""

    loss: float
    costs: tuple[float, ...]


def choose(
    places: Sequence[Sequence[Option]], limits: Sequence[float], others: Sequence[Sequence[int]] = (), apart: int = 1
) -> tuple[int, ...] | None:
    """The number of the option taken at every place; None where no choice is within `limits`, one of each cost.

    It differs from each of `others` at `apart` places at least. A mixed integer program of one binary an option, solved
    exactly (HiGHS); of LANA (Molchanov et al. 2021, equation 3).
    """
    counts = [len(options) for options in places]
    ends = np.cumsum(counts)
    starts = ends - counts
    losses = np.array([option.loss for options in places for option in options])
    costs = np.array([option.costs for options in places for option in options])
    units = np.maximum(np.abs(costs).max(0), 1.0)  # the solver keeps limits to a millionth of 1, whatever is counted
    one_each = np.zeros((len(places), len(losses)))
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        one_each[row, start:end] = 1
    rules = [LinearConstraint(one_each, 1, 1), LinearConstraint((costs / units).T, -np.inf, limits / units)]
    if others:
        same = np.zeros((len(others), len(losses)))
        for row, other in enumerate(others):
            same[row, starts + np.array(other)] = 1
        rules.append(LinearConstraint(same, -np.inf, len(places) - apart))
    found = milp(losses, integrality=np.ones(len(losses)), bounds=Bounds(0, 1), constraints=rules, options=_OPTIONS)
    if found.x is None:
        return None
    return tuple(int(found.x[start:end].argmax()) for start, end in zip(starts, ends, strict=True))
