"""From the raw sum of a network's entries to its latency: one scale, or factors by the traits of an entry.

Ops timed alone pay for layout changes that a whole network does not, and find their weights in the cache where a
whole network does not. How much of each depends on traits that entries share (what they are, at what map size, with
which kernel and activation), so whole networks can teach a factor a trait. An entry's factor is the product over its
traits; their logarithms are fitted under ridge regression toward one common scale, leave-one-out cross-validation
choosing how firmly, and the scale alone is taken where nothing else is clearly better.

Measured on 125 networks of one space in ONNX Runtime, mean error of those not used: one scale 5.0 %, factors of seven
kinds 3.5 %, factors by these traits from 35 networks 1.7 %. Factors that add up instead were as exact, but below zero
for many entries: a cut would then have made a network slower. A factor for every entry as well made it worse.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import assert_never

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.op import (
    Activate,
    Add,
    AnchorList,
    Concat,
    Conv,
    GlobalPool,
    Linear,
    Multiply,
    Op,
    Pool,
    Shuffle,
    Sigmoid,
    Slice,
    SqueezeExcite,
    Upsample,
)
from nas.design.size import describe_size
from nas.latency.prediction.entry import Entry

_IMAGE = 3  # channels
# The trait that every entry has: its factor is the scale.
ALL = "all"
# Strength of the pull of every other factor toward one, from firm to loose.
_PULLS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
# Traits must lower the cross-validated error to this share to be worth their freedom.
_GAIN = 0.9
# Newton steps of a fit, and the longest one (of a logarithm).
_STEPS, _LONGEST = 8, 0.5

_Floats = NDArray[np.float64]


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
        """What an entry costs inside a network over what it costs alone: the product over its traits."""
        return math.prod(self.factors.get(trait, 1.0) for trait in traits(entry))


def kind(entry: Entry) -> str:
    """What an entry is: stem, full, grouped, pointwise, depthwise, project, se, head, pool, moving, upsample
    or other."""
    match entry.ops[0]:
        case Conv() as op if op.depthwise:
            return "depthwise"
        case Conv() as op if op.groups > 1:
            return "grouped"
        case Conv() as op if op.kernel > 1:
            return "stem" if op.in_width == _IMAGE else "full"
        case Conv() as op:
            return "project" if op.activation is None else "pointwise"
        case SqueezeExcite():
            return "se"
        case GlobalPool() | Linear():
            return "head"
        case Pool():
            return "pool"
        case Concat() | Slice() | Shuffle() | AnchorList():
            return "moving"
        case Upsample():
            return "upsample"
        case Add() | Activate() | Sigmoid() | Multiply():
            return "other"
        case _:
            assert_never(entry.ops[0])


def traits(entry: Entry) -> tuple[str, ...]:
    """What an entry shares with others, like `all`, `depthwise`, `depthwise 28`, `depthwise k5 s2`."""
    return _traits(entry.ops)


@lru_cache(maxsize=1 << 16)
def _traits(ops: tuple[Op, ...]) -> tuple[str, ...]:
    name, op = kind(Entry("", ops)), ops[0]
    if isinstance(op, Linear):
        return ALL, name
    size = f"{name} {describe_size(op.size)}"
    if isinstance(op, Conv):
        return ALL, name, size, f"{name} k{op.kernel} s{op.stride}", f"{name} {op.activation}"
    return ALL, name, size


def calibrate(
    graphs: Sequence[Sequence[Entry]], bare_ms: Mapping[str, float], measured_ms: Sequence[float]
) -> Calibration:
    """The better model of two for networks given by their entries, with the bare times of these and their own."""
    names = [ALL, *sorted({trait for pieces in graphs for entry in pieces for trait in traits(entry)} - {ALL})]
    keys = {entry.key: entry for pieces in graphs for entry in pieces}
    shares = np.zeros((len(graphs), len(keys)))
    place = {key: number for number, key in enumerate(keys)}
    for row, pieces in enumerate(graphs):
        for entry in pieces:
            shares[row, place[entry.key]] += bare_ms[entry.key] / measured_ms[row]
    of = np.array([[float(name in traits(entry)) for name in names] for entry in keys.values()])
    scale_errors = _left_out(shares, of, None)
    errors = {pull: _left_out(shares, of, pull) for pull in _PULLS}
    pull = _firmest(errors)
    by_trait = _clearly_better(errors[pull], scale_errors)
    factors = np.exp(_fit(shares, of, pull if by_trait else None)).tolist()
    return Calibration(
        factors=dict(zip(names, factors, strict=True)) if by_trait else {ALL: factors[0]},
        model="traits" if by_trait else "scale",
        networks=len(measured_ms),
        raw_error=float(np.mean(np.abs(shares.sum(axis=1) - 1))),
        scale_error=float(scale_errors.mean()),
        traits_error=float(errors[pull].mean()),
    )


def _left_out(shares: _Floats, of: _Floats, pull: float | None) -> _Floats:
    """Each network's absolute relative error under the fit to all others."""
    rows = range(len(shares))
    fits = [_fit(np.delete(shares, row, 0), of, pull) for row in rows]
    return np.array([abs(float(shares[row] @ np.exp(of @ fits[row])) - 1) for row in rows])


def _firmest(errors: Mapping[float, _Floats]) -> float:
    """The strongest pull whose errors are within one standard error of the best's."""
    best = min(errors.values(), key=lambda found: float(found.mean()))
    return next(pull for pull, found in errors.items() if _within(found - best))


def _within(worse_by: _Floats) -> bool:
    return bool(worse_by.mean() <= worse_by.std() / np.sqrt(len(worse_by)))


def _clearly_better(new: _Floats, old: _Floats) -> bool:
    """By a tenth, and by more than one standard error of the paired difference."""
    gain = old - new
    return bool(new.mean() < _GAIN * old.mean() and gain.mean() > gain.std() / np.sqrt(len(gain)))


def _fit(shares: _Floats, of: _Floats, pull: float | None) -> _Floats:
    """Logarithms of the factors [traits] by least squares in relative error, the scale's unpenalised.

    `shares` [networks, entries] are bare times over the network's measured one, `of` [entries, traits] says which
    entry has which trait, ALL first. Gauss-Newton steps, each a ridge regression.
    """
    total = shares.sum(axis=1)
    logs = np.zeros(of.shape[1])
    logs[0] = np.log(total.sum() / (total @ total))
    if pull is None:
        return logs
    penalty = np.diag([1e-9, *[pull] * (of.shape[1] - 1)])
    for _ in range(_STEPS):
        now = shares * np.exp(of @ logs)
        slopes = now @ of
        gradient = slopes.T @ (1 - now.sum(axis=1)) - penalty @ logs
        logs = logs + np.clip(np.linalg.solve(slopes.T @ slopes + penalty, gradient), -_LONGEST, _LONGEST)
    return logs
