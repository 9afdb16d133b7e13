"""Average precision as COCO defines it (its function `accumulate`), also for images that count more than once."""

import numpy as np
from numpy.typing import NDArray

from nas.nets.tasks.boxes.judging import OVERLAPS, JudgedDetections

_Floats = NDArray[np.float64]
_RECALLS = np.linspace(0, 1, 101)
_TOGETHER = 32  # draws whose detections are counted together


def measure_precisions(judged: JudgedDetections, weights: _Floats) -> _Floats:
    """Return the average precision [B, C, T] by draw, class and overlap, if images count `weights` [B, N] times.

    That of a class without objects is nan. An image that counts twice is as good as two equal ones (if no two of its
    scores are equal), so that detections are judged once for all draws.
    """
    counts = weights @ judged.objects
    found = np.full((*counts.shape, len(OVERLAPS)), np.nan)
    classes = np.arange(counts.shape[1])
    starts, ends = (np.searchsorted(judged.classes, classes, side) for side in ("left", "right"))
    for number in np.flatnonzero(judged.objects.any(0)):
        part = slice(starts[number], ends[number])
        for start in range(0, len(weights), _TOGETHER):
            draws = slice(start, start + _TOGETHER)
            found[draws, number] = _measure_class(judged, part, weights[draws], counts[draws, number])
    return found


def _measure_class(judged: JudgedDetections, part: slice, weights: _Floats, counts: _Floats) -> _Floats:
    """Return the average precision [B, T] of the detections of one class, of so many objects [B]."""
    hits, ignored = judged.hits[:, part], judged.ignored[:, part]
    end = int(np.flatnonzero(hits.any(0)).max(initial=-1)) + 1  # wrong ones after the last hit change nothing
    taken = weights[:, judged.images[part][:end]]
    seen = taken.cumsum(1)
    found = [_measure_level(taken, seen, hits[level, :end], ignored[level, :end], counts) for level in range(len(hits))]
    return np.where(counts[:, None] > 0, np.stack(found, 1), np.nan)


def _measure_level(
    taken: _Floats, seen: _Floats, hits: NDArray[np.bool_], ignored: NDArray[np.bool_], counts: _Floats
) -> _Floats:
    """Return the area [B] under the curve of precision over 101 recalls, at one overlap.

    Only at a hit does recall grow or precision have a peak. `taken` [B, K] is how often each detection counts, `seen`
    how many have been seen up to it.
    """
    places, left_out = np.flatnonzero(hits), np.flatnonzero(ignored)
    right = taken[:, places].cumsum(1)
    skipped = np.pad(taken[:, left_out].cumsum(1), ((0, 0), (1, 0)))[:, np.searchsorted(left_out, places)]
    precision = right / np.maximum(seen[:, places] - skipped, 1)
    peaks = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(_RECALLS, right / np.maximum(counts, 1)[:, None], side="right")
    found: _Floats = (peaks * np.diff(reached, axis=1, prepend=0)).sum(1) / len(_RECALLS)
    return found


def average_known(precisions: _Floats) -> _Floats:
    """Return the mean [B] of average precisions [B, C, T] of the classes that have objects; nan if none has.

    >>> average_known(np.array([[[0.5], [np.nan], [0.0]]])).tolist()
    [0.25]
    """
    known = ~np.isnan(precisions)
    counts = known.sum((1, 2))
    sums = np.where(known, precisions, 0.0).sum((1, 2))
    found: _Floats = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return found
