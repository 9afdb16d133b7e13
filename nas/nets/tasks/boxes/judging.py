"""`judge_detections`: which detections are right at ten overlaps, by COCO's rules (its function `evaluateImg`)."""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.tasks.boxes.grouping import BoxTable, Group, group_boxes

_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]
_Numbers = NDArray[np.int64]
OVERLAPS = np.linspace(0.5, 0.95, 10)
"""The least overlaps of a right detection with its object that the metric is a mean over."""


class JudgedDetections(Struct, frozen=True, eq=False):
    """Detections of all images by class, the best first, and what each is at every overlap [T, K].

    `hits` are right, those neither in `hits` nor in `ignored` are wrong. `objects` are those to be found, of every
    image and class [N, C].
    """

    images: _Numbers
    classes: _Numbers
    hits: _Flags
    ignored: _Flags
    objects: _Numbers


def judge_detections(
    found: BoxTable, objects: BoxTable, shape: tuple[int, int], areas: tuple[float, float] = (0, np.inf)
) -> JudgedDetections:
    """Return what detections are, judged against objects of `shape` (images, classes).

    Objects that are smaller or larger than `areas` in pixels are ignored, and so are detections that have no object
    and are, or whose object is ignored.
    """
    ignored = objects.ignored | objects.is_outside(areas)
    taken, excused = _match(found, objects, ignored)
    excused |= ~taken & found.is_outside(areas)
    order = np.lexsort((-found.scores, found.classes))
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, (objects.images[~ignored], objects.classes[~ignored]), 1)
    hits = (taken & ~excused)[:, order]
    return JudgedDetections(found.images[order], found.classes[order], hits, excused[:, order], counts)


def _match(found: BoxTable, objects: BoxTable, ignored: _Flags) -> tuple[_Flags, _Flags]:
    """Return which detections take an object of their class and image, and of which it is ignored, each [T, K]."""
    taken, excused = np.zeros((2, len(OVERLAPS), len(found.scores)), bool)
    for group in group_boxes(found, objects):
        for places, numbers in _take(found, objects, ignored, group):
            taken[:, places] = numbers >= 0
            excused[:, places] = (numbers >= 0) & ignored[numbers]
    return taken, excused


def _take(found: BoxTable, objects: BoxTable, ignored: _Flags, group: Group) -> Iterator[tuple[_Numbers, _Numbers]]:
    """Yield detections [R], the best of each row first, and the objects that they take [T, R], -1 for none."""
    used = np.zeros((len(OVERLAPS), *group.objects.shape), bool)
    for rank in range(int(group.counts.max(initial=0))):
        rows = np.flatnonzero(group.counts > rank)
        places, those = group.starts[rows] + rank, group.objects[rows]
        left = group.real[rows] & (~used[:, rows] | objects.ignored[those])
        overlap = _measure(found.boxes[places][:, None], objects.boxes[those], objects.ignored[those])
        columns, has = _choose(overlap, left, ignored[those])
        level, row = np.nonzero(has)
        used[level, rows[row], columns[level, row]] = True
        yield places, np.where(has, those[np.arange(len(rows)), columns], -1)


def _choose(overlap: _Floats, left: _Flags, ignored: _Flags) -> tuple[_Numbers, _Flags]:
    """Return the column [T, R] of the object that each detection takes and whether it takes any.

    It is the last of those that overlap most, of objects that count and are left [T, R, G]; else of ignored ones.
    """
    close = left & (overlap >= OVERLAPS[:, None, None])
    counting = close & ~ignored
    pool = np.where(counting.any(-1, keepdims=True), counting, close)
    backwards = np.where(pool, overlap, -1.0)[..., ::-1]
    has: _Flags = np.any(pool, axis=-1)
    return overlap.shape[-1] - 1 - backwards.argmax(-1), has


def _measure(box: _Floats, others: _Floats, crowd: _Flags) -> _Floats:
    """Return the area that boxes share, as a share of both together; of a crowd as a share of the detection's."""
    sides = np.minimum(box[..., 2:], others[..., 2:]) - np.maximum(box[..., :2], others[..., :2])
    shared = np.maximum(sides, 0).prod(-1)
    own, other = (box[..., 2:] - box[..., :2]).prod(-1), (others[..., 2:] - others[..., :2]).prod(-1)
    whole = np.where(crowd, own, own + other - shared)
    found: _Floats = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    return found
