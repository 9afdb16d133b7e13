"""From the raw sum of a network's entries to its latency: one scale, or one factor a kind of entry.

Ops timed alone pay for layout changes that a whole network does not, and find their weights in the cache
where a whole network does not. How much of each depends on the kind of op, so a factor a kind may help; with a few
calibration networks it may also harm, so leave-one-out cross-validation decides.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.op import Conv, Linear, Pool, SqueezeExcite
from nas.latency.entry import Entry

KINDS = ("stem", "pointwise", "depthwise", "project", "se", "head", "other")
# Strength of the pull of every factor toward the common scale, from loose to firm. Looser ones won some
# cross-validations and then mispriced networks from outside the space by 10 to 25 %.
_PULLS = (0.1, 0.3, 1.0)
# Factors must lower the cross-validated error to this share to be worth their freedom.
_GAIN = 0.9

Floats = NDArray[np.float64]
Sums = Mapping[str, float]


class Calibration(Struct, frozen=True, forbid_unknown_fields=True):
    """Factors a kind, and the errors (mean absolute relative) that chose them.

    `raw_error` is of the bare sum, `scale_error` and `kinds_error` are leave-one-out of the two models.
    """

    factors: dict[str, float]
    model: str
    networks: int
    raw_error: float
    scale_error: float
    kinds_error: float

    def factor(self, kind: str) -> float:
        """What an entry of this kind costs inside a network, over what it costs alone."""
        return self.factors[kind]


def kind(entry: Entry) -> str:
    """The kind of an entry, one of KINDS."""
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


def calibrate(sums: Sequence[Sums], measured_ms: Sequence[float]) -> Calibration:
    """The better model of two for networks whose raw sums by kind and measured times are given (at least two)."""
    shares = np.array([[row.get(name, 0.0) for name in KINDS] for row in sums]) / np.array(measured_ms)[:, None]
    scale_errors = _left_out(shares, None)
    pull = min(_PULLS, key=lambda p: _left_out(shares, p).mean())
    kinds_errors = _left_out(shares, pull)
    by_kind = _clearly_better(kinds_errors, scale_errors)
    factors = _fit(shares, pull if by_kind else None)
    return Calibration(
        factors=dict(zip(KINDS, factors.tolist(), strict=True)),
        model="kinds" if by_kind else "scale",
        networks=len(measured_ms),
        raw_error=float(np.mean(np.abs(shares.sum(axis=1) - 1))),
        scale_error=float(scale_errors.mean()),
        kinds_error=float(kinds_errors.mean()),
    )


def _left_out(shares: Floats, pull: float | None) -> Floats:
    """Each network's absolute relative error under the fit to all others."""
    rows = range(len(shares))
    return np.array([abs(float(shares[i] @ _fit(np.delete(shares, i, 0), pull)) - 1) for i in rows])


def _clearly_better(new: Floats, old: Floats) -> bool:
    """By a tenth, and by more than one standard error of the paired difference."""
    gain = old - new
    return bool(new.mean() < _GAIN * old.mean() and gain.mean() > gain.std() / np.sqrt(len(gain)))


def _fit(shares: Floats, pull: float | None) -> Floats:
    """Least squares in relative error. `shares` [networks, kinds] are raw sums over the measured time.

    With a pull, the squared distance of every factor to the common scale is added, weighted by the kind's typical
    share, so that a kind which hardly matters stays at the scale.
    """
    total = shares.sum(axis=1)
    scale = float(total.sum() / (total @ total))
    if pull is None:
        return np.full(len(KINDS), scale)
    weight = pull * len(shares) * np.diag(shares.mean(axis=0) ** 2 + 1e-9)
    normal = shares.T @ shares + weight
    factors = np.linalg.solve(normal, shares.T @ np.ones(len(shares)) + weight @ np.full(len(KINDS), scale))
    return np.clip(factors, scale / 3, 3 * scale)
