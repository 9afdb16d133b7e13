"""What descriptions of every task share: sizes of images, and warnings about classes."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nas.nets.data.reading.left_out import some
from nas.nets.data.reading.names import SPLITS

_FEW = 20  # training examples of a class, below which hardly anything is learnt about it


def describe_sizes(sizes: Iterable[float]) -> dict[str, int]:
    """Return the least, the 10, 50 and 90 % quantiles and the most of sizes, each one that occurs, rounded to pixels.

    >>> describe_sizes([10, 20, 30])
    {'least': 10, 'p10': 10, 'p50': 20, 'p90': 30, 'most': 30}
    """
    values = np.array(list(sizes), dtype=np.float64)
    if not len(values):
        return {}
    shares = (0.0, 0.1, 0.5, 0.9, 1.0)
    found = np.quantile(values, shares, method="inverted_cdf")
    return {
        name: round(float(value)) for name, value in zip(("least", "p10", "p50", "p90", "most"), found, strict=True)
    }


def warn_classes(classes: Sequence[str], images: Mapping[str, Sequence[int]]) -> list[str]:
    """Return warnings about classes that too few images of a split show; `images` counts them by split."""
    found = []
    if train := images.get("train"):
        if absent := [name for name, count in zip(classes, train, strict=True) if count == 0]:
            found.append(f"No training image shows: {some(absent)}.")
        few = [f"{name} ({count})" for name, count in zip(classes, train, strict=True) if 0 < count < _FEW]
        if few:
            found.append(f"Fewer than {_FEW} training images show: {some(few)}.")
    for split in ("val", "test"):
        if absent := [name for name, count in zip(classes, images.get(split, ()), strict=False) if count == 0]:
            found.append(f"No {split} image shows: {some(absent)}.")
    return found


def note_missing_splits(splits: Iterable[str]) -> list[str]:
    """Return a sentence about the splits that there are not."""
    present = set(splits)
    missing = [split for split in SPLITS if split not in present]
    return [f"There is no {' and no '.join(missing)} split."] if missing else []
