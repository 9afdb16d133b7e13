"""Boxes of many images as one table, and the detections beside the objects of the same image and class."""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]
_Numbers = NDArray[np.int64]
_TOGETHER = 256  # groups of about as many objects each that are looked at together


class BoxTable(Struct, frozen=True, eq=False):
    """Boxes [K, 4] in pixels, with the image, the class, the score and whether it is ignored of each [K].

    They lie by class, by image, and the best first.
    """

    boxes: _Floats
    images: _Numbers
    classes: _Numbers
    scores: _Floats
    ignored: _Flags

    def is_outside(self, areas: tuple[float, float]) -> _Flags:
        """Which boxes [K] are smaller or larger than these areas in pixels."""
        own = (self.boxes[:, 2:] - self.boxes[:, :2]).prod(1)
        found: _Flags = (own < areas[0]) | (own > areas[1])
        return found


def list_detections(answers: NDArray[np.float32], sizes: _Floats) -> BoxTable:
    """Return the detections of answers [N, D, 6], of images with these sizes [N, 2]: width, height."""
    return _list(answers[..., :4], answers[..., 4], sizes, scores=answers[..., 5])


def list_objects(labels: NDArray[np.float32]) -> BoxTable:
    """Return the objects and the ignored boxes of labels [N, M, 8]."""
    return _list(labels[..., :4], labels[..., 4], find_sizes(labels), ignored=labels[..., 5])


def find_sizes(labels: NDArray[np.float32]) -> _Floats:
    """Return width and height [N, 2] in pixels of the images of labels [N, M, 8]."""
    return labels[:, 0, 6:].astype(np.float64)


def _list(
    boxes: NDArray[np.float32],
    classes: NDArray[np.float32],
    sizes: _Floats,
    scores: NDArray[np.float32] | None = None,
    ignored: NDArray[np.float32] | None = None,
) -> BoxTable:
    images, rows = np.nonzero(classes > 0)
    rank = np.zeros(len(images)) if scores is None else scores[images, rows].astype(np.float64)
    order = np.lexsort((-rank, images, classes[images, rows]))
    images, rows = images[order], rows[order]
    placed = boxes[images, rows].astype(np.float64) * np.tile(sizes, 2)[images]
    flags = np.zeros(len(images), bool) if ignored is None else ignored[images, rows] > 0
    return BoxTable(placed, images, classes[images, rows].astype(np.int64), rank[order], flags)


class Group(Struct, frozen=True, eq=False):
    """Rows, each an image and a class: its detections from number `starts`, so many [P], and its objects' [P, G].

    Rows with fewer objects than others are filled up with some that are not `real`.
    """

    starts: _Numbers
    counts: _Numbers
    objects: _Numbers
    real: _Flags


def group_boxes(found: BoxTable, objects: BoxTable) -> Iterator[Group]:
    """Return the detections and objects of every image and class that has an object, many rows at a time."""
    count = 1 + max(found.images.max(initial=0), objects.images.max(initial=0))
    own, theirs = found.classes * count + found.images, objects.classes * count + objects.images
    keys, firsts, sizes = np.unique(theirs, return_index=True, return_counts=True)
    starts, ends = np.searchsorted(own, keys, "left"), np.searchsorted(own, keys, "right")
    by_size = np.argsort(sizes, kind="stable")
    for start in range(0, len(keys), _TOGETHER):
        rows = by_size[start : start + _TOGETHER]
        columns = np.arange(sizes[rows].max())
        real = columns < sizes[rows][:, None]
        numbers = np.where(real, firsts[rows][:, None] + columns, firsts[rows][:, None])
        yield Group(starts[rows], ends[rows] - starts[rows], numbers, real)
