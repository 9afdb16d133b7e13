"""`compare_outputs`: how the outputs of two networks for the same images differ."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Comparison(Struct, frozen=True):
    """How a file's outputs compare with another's on the same images.

    `difference` is the largest absolute one, `largest` the largest output. `agreement` is the share of the `count`
    images whose most likely class is the same; of a detector the share of anchors, of a segmenter that of pixels.
    """

    difference: float
    largest: float
    agreement: float
    count: int


def compare_outputs(found: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]]) -> Comparison:
    """Compare outputs [N, …], the first of which are logits, with those that were expected."""
    agreement = float((_choices(found[0]) == _choices(expected[0])).mean())
    differences = [float(np.abs(one - other).max()) for one, other in zip(found, expected, strict=True)]
    largest = max(float(np.abs(one).max()) for one in expected)
    return Comparison(max(differences), largest, agreement, len(expected[0]))


def _choices(logits: NDArray[Any]) -> NDArray[np.int64]:
    """The most likely classes of logits [N, classes], [N, classes, H, W] or [N, anchors, classes]."""
    found: NDArray[np.int64] = np.argmax(logits, axis=2 if logits.ndim == 3 else 1)
    return found
