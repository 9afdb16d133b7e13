"""`detect_all`: what `nas.design.dense.detections.detect` finds, for many images and all classes at once."""

import numpy as np
from numpy.typing import NDArray

from nas.design.dense.anchors import decode_boxes
from nas.design.dense.detections import DetectionRule

_Floats = NDArray[np.float32]
_Flags = NDArray[np.bool_]
_IMAGES = 16  # that are looked at together: bounds the memory of 3,000 anchors and 80 classes to 100 MB


def detect_all(scores: _Floats, boxes: _Floats, anchors: _Floats, rule: DetectionRule) -> _Floats:
    """Return the objects [N, rule.count, 6] of images from `scores` [N, A, classes] and `boxes` [N, A, 4].

    A row is left, top, right, bottom, class and score, the best first; the class of the rows that are left is -1.
    """
    found = np.zeros((len(scores), rule.count, 6), np.float32)
    found[..., 4] = -1
    for start in range(0, len(scores), _IMAGES):
        part = slice(start, start + _IMAGES)
        rows = _detect_some(scores[part], decode_boxes(boxes[part], anchors), rule)
        found[part, : rows.shape[1]] = rows
    return found


def _detect_some(scores: _Floats, boxes: _Floats, rule: DetectionRule) -> _Floats:
    """Return rows [N, at most rule.count, 6] for scores and decoded boxes."""
    ranked, corners = _rank(_share(scores)[..., 1:], np.clip(boxes, 0, 1), rule)
    images, classes, count = ranked.shape
    free = (ranked > rule.least_score).reshape(images * classes, count)
    kept = _keep_best(corners.reshape(*free.shape, 4), free, rule).reshape(ranked.shape)
    labels = np.broadcast_to(np.arange(1, classes + 1, dtype=np.float32)[:, None], ranked.shape)
    rows = np.concatenate([corners, labels[..., None], ranked[..., None]], -1).reshape(images, -1, 6)
    rows[~kept.reshape(images, -1)] = (0, 0, 0, 0, -1, 0)
    best = np.argsort(-rows[..., 5], axis=1, kind="stable")[:, : rule.count]
    found: _Floats = np.take_along_axis(rows, best[..., None], 1)
    return found


def _share(scores: _Floats) -> _Floats:
    """Return scores [..., classes] as shares (softmax)."""
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found: _Floats = shares / shares.sum(axis=-1, keepdims=True)
    return found


def _rank(shares: _Floats, boxes: _Floats, rule: DetectionRule) -> tuple[_Floats, _Floats]:
    """Return the best scores [N, classes, K] of every class and their boxes [N, classes, K, 4], the best first."""
    by_class = np.ascontiguousarray(shares.transpose(0, 2, 1))
    most = min(rule.candidates, int((by_class > rule.least_score).sum(-1).max(initial=0)))
    order = np.argsort(-by_class, axis=-1, kind="stable")[..., :most]
    return np.take_along_axis(by_class, order, -1), boxes[np.arange(len(boxes))[:, None, None], order]


def _keep_best(corners: _Floats, free: _Flags, rule: DetectionRule) -> _Flags:
    """Return which boxes [P, K] overlap no better one of their row too much, as far as they can be counted.

    All rows take their next best box in one step; no row needs more than those that are counted in the end.
    """
    kept = np.zeros_like(free)
    rows, free = np.arange(len(free)), free.copy()
    sides = np.ascontiguousarray(np.moveaxis(corners, -1, 0))
    for _ in range(rule.count):
        open_rows = free.any(1)
        if not open_rows.all():
            rows, free, sides = rows[open_rows], free[open_rows], sides[:, open_rows]
        if not len(rows):
            break
        each, best = np.arange(len(rows)), free.argmax(1)
        kept[rows, best] = True
        free[each, best] = False
        free &= _overlaps(sides[:, each, best][..., None], sides) <= rule.most_overlap
    return kept


def _overlaps(box: _Floats, others: _Floats) -> _Floats:
    """Return what `overlaps` does, of corners [4, P, 1] and [4, P, K]."""
    width = np.minimum(box[2], others[2]) - np.maximum(box[0], others[0])
    height = np.minimum(box[3], others[3]) - np.maximum(box[1], others[1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    together = _area(box) + _area(others) - shared
    found: _Floats = np.divide(shared, together, out=np.zeros_like(shared), where=together > 0)
    return found


def _area(box: _Floats) -> _Floats:
    found: _Floats = (box[2] - box[0]) * (box[3] - box[1])
    return found
