"""Anchors of a detector, and what its outputs say of them: pure functions of numpy, as torchvision's SSD computes them.

Boxes are corners (left, top, right, bottom), anchors centre and sides (x, y, width, height), both as shares of the
image, so that they fit a photo of any size.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.dense.ssdlite import SsdLite
from nas.design.op import AnchorList
from nas.design.size import height_width

_Floats = NDArray[np.float32]
# Offsets of a centre count in tenths of an anchor, logarithms of sides in fifths; no box is more than 62.5 anchors.
OFFSET_WEIGHTS = np.array([10, 10, 5, 5], np.float32)
LARGEST_LOG = math.log(1000 / 16)
_SMALL_SCALE = 0.1  # of the first map's square, where its anchors are reduced


class AnchorMap(Struct, frozen=True):
    """A map of a detector: its rows and columns, and the (width, height) of the anchors around every pixel."""

    rows: int
    columns: int
    sides: tuple[tuple[float, float], ...]


def anchor_maps(head: SsdLite, listed: AnchorList) -> tuple[AnchorMap, ...]:
    """The maps of a detector in the order of its outputs, of which `listed` is one."""
    sides = zip(map(height_width, listed.sizes), _sides(head), strict=True)
    return tuple(AnchorMap(rows, columns, own) for (rows, columns), own in sides)


def _sides(head: SsdLite) -> list[tuple[tuple[float, float], ...]]:
    """Of every map."""
    count = len(head.anchors)
    growth = (head.greatest_scale - head.least_scale) / (count - 1)
    scales = [*(head.least_scale + growth * number for number in range(count)), 1.0]
    found = [_around(one, math.sqrt(one * after), head.ratios) for one, after in pairwise(scales)]
    if head.reduced_first:
        found[0] = ((_SMALL_SCALE, _SMALL_SCALE), *_flat_and_tall(scales[0], head.ratios[0]))
    return [tuple((min(width, 1.0), min(height, 1.0)) for width, height in sides) for sides in found]


def _around(scale: float, larger: float, ratios: Sequence[float]) -> tuple[tuple[float, float], ...]:
    boxes = (box for ratio in ratios for box in _flat_and_tall(scale, ratio))
    return ((scale, scale), (larger, larger), *boxes)


def _flat_and_tall(scale: float, ratio: float) -> tuple[tuple[float, float], tuple[float, float]]:
    long, short = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
    return (long, short), (short, long)


def lay_anchors(maps: Sequence[AnchorMap]) -> _Floats:
    """All anchors [anchors, 4], by map, row, column and place.

    >>> lay_anchors([AnchorMap(1, 2, ((0.5, 1.0),))]).tolist()
    [[0.25, 0.5, 0.5, 1.0], [0.75, 0.5, 0.5, 1.0]]
    """
    return np.concatenate([_lay(one) for one in maps]).astype(np.float32)


def _lay(one: AnchorMap) -> NDArray[np.float64]:
    y, x = np.mgrid[: one.rows, : one.columns] + 0.5
    centres = np.stack([x / one.columns, y / one.rows], axis=-1)[:, :, None]
    sides = np.broadcast_to(np.array(one.sides), (one.rows, one.columns, len(one.sides), 2))
    return np.concatenate([np.broadcast_to(centres, sides.shape), sides], axis=-1).reshape(-1, 4)


def decode_boxes(values: _Floats, anchors: _Floats) -> _Floats:
    """The boxes [..., anchors, 4] that a network's `boxes` stand for."""
    offsets, logs = np.split(values / OFFSET_WEIGHTS, 2, axis=-1)
    centres = offsets * anchors[:, 2:] + anchors[:, :2]
    halves = np.exp(np.minimum(logs, LARGEST_LOG)) * anchors[:, 2:] / 2
    return np.concatenate([centres - halves, centres + halves], axis=-1)


def encode_boxes(boxes: _Floats, anchors: _Floats) -> _Floats:
    """What a network should say of anchors so that they stand for these boxes [..., anchors, 4] of some size."""
    sides = boxes[..., 2:] - boxes[..., :2]
    offsets = ((boxes[..., :2] + boxes[..., 2:]) / 2 - anchors[:, :2]) / anchors[:, 2:]
    return np.concatenate([offsets, np.log(sides / anchors[:, 2:])], axis=-1) * OFFSET_WEIGHTS
