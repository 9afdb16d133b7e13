"""`detect`: what a detector sees in an image, one box an object (non-maximum suppression), with numpy alone."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.dense.anchors import decode_boxes

_Floats = NDArray[np.float32]


class DetectionRule(Struct, frozen=True):
    """Which boxes count: a score of at least this, none that overlaps a better one of its class more, and how many.

    `candidates` of every class are looked at. The values are torchvision's.
    """

    least_score: float = 0.001
    most_overlap: float = 0.55
    candidates: int = 300
    count: int = 300


USUAL_RULE = DetectionRule()


class Detections(Struct, frozen=True, eq=False):
    """Boxes [n, 4] inside the image, as shares of it; their classes [n], the background being 0; their scores [n]."""

    boxes: _Floats
    labels: NDArray[np.int64]
    scores: _Floats


def detect(scores: _Floats, boxes: _Floats, anchors: _Floats, rule: DetectionRule = USUAL_RULE) -> Detections:
    """Objects of one image from a network's `scores` [anchors, classes] and `boxes` [anchors, 4], the best first."""
    places = np.clip(decode_boxes(boxes, anchors), 0, 1)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    found = [(label, place) for label in range(1, shares.shape[1]) for place in _kept(shares[:, label], places, rule)]
    found.sort(key=lambda one: -shares[one[1], one[0]])
    labels, kept = (np.array(column, np.int64) for column in zip(*found[: rule.count], strict=True)) if found else _NONE
    return Detections(places[kept], labels, shares[kept, labels])


_NONE = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def _kept(scores: _Floats, boxes: _Floats, rule: DetectionRule) -> list[int]:
    """Places of the boxes of one class that overlap no better one too much."""
    left = np.flatnonzero(scores > rule.least_score)
    left = left[np.argsort(-scores[left], kind="stable")][: rule.candidates]
    kept: list[int] = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[overlaps(boxes[best], boxes[left]) <= rule.most_overlap]
    return kept


def overlaps(box: _Floats, others: _Floats) -> _Floats:
    """The area that a box shares with each of others [n, 4], as a share of both together.

    >>> overlaps(np.array([0, 0, 1, 1]), np.array([[0, 0, 1, 0.5], [1, 1, 2, 2]])).tolist()
    [0.5, 0.0]
    """
    starts, ends = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.maximum(ends - starts, 0).prod(axis=1)
    areas = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1)
    together = areas - shared
    found: _Floats = np.divide(shared, together, out=np.zeros_like(shared), where=together > 0)
    return found
