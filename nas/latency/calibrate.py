"""From the raw sum of a network's entries to its latency: one scale, or factors by the traits of an entry.

Ops timed alone pay for layout changes that a whole network does not, and find their weights in the cache where a
whole network does not. How much of each depends on traits that entries share (what they are, at what map size, with
which kernel and activation), so whole networks can teach a factor a trait: ridge regression toward one common scale,
with leave-one-out cross-validation choosing how firmly, and the scale alone where nothing else is clearly better.

Measured on 125 networks of one space in ONNX Runtime, mean error of those not used: one scale 5.0 %, factors of seven
kinds 3.5 %, factors by these traits from 20 networks 1.7 %, from 35 networks 1.5 %. A factor for every entry as well
made it worse, more so outside the space.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.op import Conv, Linear, Op, Pool, SqueezeExcite
from nas.latency.entry import Entry

# The trait that every entry has: its factor is the scale.
ALL = "all"
# Strength of the pull of every other factor toward zero, from firm to loose.
_PULLS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
# Traits must lower the cross-validated error to this share to be worth their freedom.
_GAIN = 0.9
# No entry costs less than this part of the scale inside a network, or more than this many times.
_LOW, _HIGH = 1 / 3, 3.0

Floats = NDArray[np.float64]
# Raw milliseconds of a network by trait; every entry counts once for each of its traits.
Sums = Mapping[str, float]


class Calibration(Struct, frozen=True, forbid_unknown_fields=True):
    """Factors by trait, and the errors (mean absolute relative) that chose them.

    `raw_error` is of the bare sum, `scale_error` and `traits_error` are leave-one-out of the two models.
    """

    factors: dict[str, float]
    model: str
    networks: int
    raw_error: float
    scale_error: float
    traits_error: float

    def factor(self, entry: Entry) -> float:
        """What an entry costs inside a network over what it costs alone: the sum over its traits, within bounds."""
        found = sum(self.factors.get(trait, 0.0) for trait in traits(entry))
        scale = self.factors.get(ALL)
        return found if scale is None else min(max(found, _LOW * scale), _HIGH * scale)


def kind(entry: Entry) -> str:
    """What an entry is: stem, pointwise, depthwise, project, se, head or other."""
    match entry.ops[0]:
        case Conv() as op if op.depthwise:
            return "depthwise"
        case Conv() as op if op.kernel > 1:
            return "stem"
        case Conv() as op:
            return "project" if op.activation is None else "pointwise"
        case SqueezeExcite():
            return "se"
        case Pool() | Linear():
            return "head"
        case _:
            return "other"


def traits(entry: Entry) -> tuple[str, ...]:
    """What an entry shares with others, like `all`, `depthwise`, `depthwise 28`, `depthwise k5 s2`."""
    return _traits(entry.ops)


@lru_cache(maxsize=1 << 16)
def _traits(ops: tuple[Op, ...]) -> tuple[str, ...]:
    name, op = kind(Entry("", ops)), ops[0]
    match op:
        case Conv():
            return ALL, name, f"{name} {op.size}", f"{name} k{op.kernel} s{op.stride}", f"{name} {op.activation}"
        case Linear():
            return ALL, name
        case _:
            return ALL, name, f"{name} {op.size}"


def calibrate(sums: Sequence[Sums], measured_ms: Sequence[float]) -> Calibration:
    """The better model of two for networks whose raw sums by trait and measured times are given (at least two)."""
    names = sorted({name for row in sums for name in row} - {ALL})
    shares = np.array([[row.get(name, 0.0) for name in (ALL, *names)] for row in sums])
    shares /= np.array(measured_ms)[:, None]
    scale_errors = _left_out(shares, None)
    errors = {pull: _left_out(shares, pull) for pull in _PULLS}
    pull = _firmest(errors)
    by_trait = _clearly_better(errors[pull], scale_errors)
    factors = _fit(shares, pull if by_trait else None)
    return Calibration(
        factors=dict(zip((ALL, *names), factors.tolist(), strict=True)) if by_trait else {ALL: float(factors[0])},
        model="traits" if by_trait else "scale",
        networks=len(measured_ms),
        raw_error=float(np.mean(np.abs(shares[:, 0] - 1))),
        scale_error=float(scale_errors.mean()),
        traits_error=float(errors[pull].mean()),
    )


def _left_out(shares: Floats, pull: float | None) -> Floats:
    """Each network's absolute relative error under the fit to all others."""
    rows = range(len(shares))
    return np.array([abs(float(shares[i] @ _fit(np.delete(shares, i, 0), pull)) - 1) for i in rows])


def _firmest(errors: Mapping[float, Floats]) -> float:
    """The strongest pull whose errors are within one standard error of the best's."""
    best = min(errors.values(), key=lambda found: float(found.mean()))
    return next(pull for pull, found in errors.items() if _within(found - best))


def _within(worse_by: Floats) -> bool:
    return bool(worse_by.mean() <= worse_by.std() / np.sqrt(len(worse_by)))


def _clearly_better(new: Floats, old: Floats) -> bool:
    """By a tenth, and by more than one standard error of the paired difference."""
    gain = old - new
    return bool(new.mean() < _GAIN * old.mean() and gain.mean() > gain.std() / np.sqrt(len(gain)))


def _fit(shares: Floats, pull: float | None) -> Floats:
    """Least squares in relative error. `shares` [networks, traits] are raw sums over the measured time, ALL first.

    The scale comes first; what it leaves is explained by the traits under ridge regression, in its dual form, as
    there are about as many traits as networks.
    """
    total, rest = shares[:, 0], shares[:, 1:]
    scale = float(total.sum() / (total @ total))
    if pull is None:
        return np.concatenate([[scale], np.zeros(rest.shape[1])])
    weights = np.linalg.solve(rest @ rest.T + pull * np.eye(len(rest)), 1 - scale * total)
    return np.concatenate([[scale], rest.T @ weights])
