"""Splits: what a source lacks is split off its training images, by seed."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nas.errors import InvalidData
from nas.nets.data.reading.names import SplitName
from nas.nets.data.reading.source import Labelled, SplitArrays

# A split is for decisions, not for a publication: more images would cost time in every trial.
_MOST_VALIDATION = 2000
_MOST_TEST = 10_000  # looked at once, but by several networks in a runtime
MADE_SPLITS: tuple[SplitName, ...] = ("test", "val")
"""What is split off if a source lacks it, in this order."""


def split_parts(spec: str, source: Labelled, seed: int) -> tuple[dict[SplitName, SplitArrays], tuple[SplitName, ...]]:
    """Return all three splits, and which of them were split off the training images (see `share_to_split_off`)."""
    parts = source.parts()
    missing: tuple[SplitName, ...] = tuple(split for split in MADE_SPLITS if split not in parts)
    _check_enough(spec, source, 1 + len(missing))
    train = parts["train"]
    for split in missing:
        fraction = share_to_split_off(split, missing, len(train.labels))
        train, parts[split] = split_off(train, fraction, seed)
    return {"train": train, "val": parts["val"], "test": parts["test"]}, missing


def share_to_split_off(split: SplitName, missing: Sequence[SplitName], count: int) -> float:
    """Return which share of `count` training images, those that are left, becomes a split; `missing` are all such.

    Without both 20 % of the images become the test split and 20 % validation. Without one: 10 %.
    """
    both = len(missing) == 2
    if both and split == "test":
        return 0.2
    return min(0.25 if both else 0.1, (_MOST_VALIDATION if split == "val" else _MOST_TEST) / count)


def _check_enough(spec: str, source: Labelled, needed: int) -> None:
    counts = np.bincount(source.labels, minlength=len(source.classes))
    if counts.min() < needed:
        raise InvalidData(
            f"{spec}: class {source.classes[int(counts.argmin())]!r} has {counts.min()} images, but {needed} "
            "are the least that can be split. Add images or remove the class."
        )


def split_off(part: SplitArrays, fraction: float, seed: int) -> tuple[SplitArrays, SplitArrays]:
    """Return what stays and what is split off, a fraction of every class."""
    keep, held = stratified(part.labels, fraction, seed)
    return part.pick(keep), part.pick(held)


def stratified(labels: NDArray[np.int64], fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices kept and held out: of every class the same fraction, at least one image on either side."""
    rng = np.random.default_rng(seed % 2**63)
    held = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held.append(members[: min(max(1, round(fraction * len(members))), len(members) - 1)])
    taken = np.zeros(len(labels), dtype=bool)
    taken[np.concatenate(held)] = True
    return np.flatnonzero(~taken), np.flatnonzero(taken)


def digest_of(parts: Sequence[SplitArrays]) -> str:
    """Return twelve hexadecimal digits of every pixel (in a store of every file), label and split."""
    found = hashlib.sha256()
    for part in parts:
        found.update(repr(part.images.shape).encode())
        content = part.images if isinstance(part.images, np.ndarray) else part.images.keys
        found.update(np.ascontiguousarray(content).data)
        if part.labels.ndim > 1:  # those of classification are int64 [N] always
            found.update(f"{part.labels.dtype} {part.labels.shape}".encode())
        found.update(np.ascontiguousarray(part.labels).data)
    return found.hexdigest()[:12]


def side_quantiles(part: SplitArrays) -> tuple[int, int, int]:
    """Return the 10 %, 50 % and 90 % quantiles of the shorter sides in pixels, each one that occurs."""
    side = min(part.images.shape[2:])
    sides = np.array([side]) if part.shorter is None else part.shorter
    low, middle, high = np.quantile(sides, (0.1, 0.5, 0.9), method="inverted_cdf")
    return int(low), int(middle), int(high)
