"""Shapes as COCO writes them, polygons and run-length codes, as pixels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nas.tasks.segmentation.sample import VOID, Mask

Bits = NDArray[np.bool_]
Points = NDArray[np.float64]
_MOST_DIGITS = 7  # of five bits, in a compressed run


def draw_polygon(points: Points, size: tuple[int, int]) -> Bits:
    """Return the pixels [height, width] whose centres lie in a polygon [N, 2] (even-odd rule), so that areas are right.

    Every edge flips, in the rows whose centres it crosses, all pixels to its right.
    """
    width, height = size
    found = np.zeros((height, width), dtype=np.bool_)
    low = np.clip(np.floor(points.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)), 0, size).astype(int)
    if (low < high).all():
        found[low[1] : high[1], low[0] : high[0]] = _fill(points - low, *(high - low))
    return found


def _fill(points: Points, width: int, height: int) -> Bits:
    flips = np.zeros((height, width + 1), dtype=np.int32)
    for one, other in zip(points, np.roll(points, -1, axis=0), strict=True):
        (x1, y1), (x2, y2) = (one, other) if one[1] <= other[1] else (other, one)
        first, last = (int(np.clip(np.ceil(y - 0.5), 0, height)) for y in (y1, y2))
        rows = np.arange(first, last)
        if len(rows):
            crossings = x1 + (rows + 0.5 - y1) * ((x2 - x1) / (y2 - y1))
            flips[rows, np.clip(np.ceil(crossings - 0.5), 0, width).astype(int)] += 1
    return np.asarray(flips.cumsum(axis=1)[:, :width] % 2 == 1)


def decode_runs(counts: Sequence[object], size: tuple[int, int]) -> Bits | None:
    """Return the pixels [height, width] of runs of zeros and ones in turns, column after column; None if broken."""
    width, height = size
    runs = [count for count in counts if type(count) is int and 0 <= count <= width * height]
    if len(runs) != len(counts) or sum(runs) != width * height:
        return None
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def expand_runs(text: str) -> list[int] | None:
    """Return the runs of COCO's compressed code; None if it is broken.

    Each run is a number in digits of five bits, the lowest first, each as the character 48 + digit, + 32 if more
    follow; the highest bit of the last digit is the sign. From the fourth run on it is the difference to the run before
    the last (cocoapi, maskApi.c, rleFrString).
    """
    runs: list[int] = []
    value = digits = 0
    for character in text:
        digit = ord(character) - 48
        if not 0 <= digit < 64 or digits >= _MOST_DIGITS:
            return None
        value |= (digit & 31) << (5 * digits)
        digits += 1
        if digit & 32:
            continue
        if digit & 16:
            value -= 1 << (5 * digits)
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = digits = 0
    return runs if digits == 0 else None


def lay_shape(mask: Mask, bits: Bits, label: int) -> None:
    """Put a class on the pixels of a mask that were background (0); those of another class become void."""
    other = bits & (mask != 0) & (mask != label)
    mask[bits & (mask == 0)] = label
    mask[other] = VOID
