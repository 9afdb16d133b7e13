"""The mean average precision of a detector's answers, with its interval, by class, and by the size of the objects."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nas.jobs import ClassScores, Score
from nas.nets.tasks.boxes.average_precision import average_known, measure_precisions
from nas.nets.tasks.boxes.grouping import find_sizes, list_detections, list_objects
from nas.nets.tasks.boxes.judging import judge_detections
from nas.nets.tasks.resampling import draw_image_weights, find_interval

_Floats = NDArray[np.float64]
_ALL = (0.0, np.inf)
_SIZES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"mAP small": (0, 32**2), "mAP medium": (32**2, 96**2), "mAP large": (96**2, np.inf)}
)  # areas in pixels of the original image, as COCO has them


def score_detections(losses: Tensor, answers: Tensor, labels: Tensor) -> Score:
    """Return the mean average precision at overlaps of 0.5 to 0.95; without objects 0, from 0 to 1."""
    weights = draw_image_weights(len(labels))
    values = average_known(_measure(answers, labels, _count_classes(labels), weights))
    accuracy = 0.0 if np.isnan(values[0]) else float(values[0])
    interval = (0.0, 1.0) if np.isnan(values[0]) else find_interval(values)
    return Score(accuracy, interval, float(losses.double().mean()), len(labels))


def score_detected_classes(answers: Tensor, labels: Tensor, classes: int) -> ClassScores:
    """Return the average precision of each class, and the mean at an overlap of 0.5 and by size of the objects."""
    once = np.ones((1, len(labels)))
    found = _measure(answers, labels, classes, once)
    values = tuple(None if np.isnan(value) else float(value) for value in found[0].mean(1))
    means = {"mAP@.5": average_known(found[..., :1])[0]}
    means |= {name: average_known(_measure(answers, labels, classes, once, areas))[0] for name, areas in _SIZES.items()}
    extra = {name: float(value) for name, value in means.items() if not np.isnan(value)}
    return ClassScores((), (), values, extra)


def _count_classes(labels: Tensor) -> int:
    """Return how many classes there are up to the last that has an object."""
    return 1 + max(0, int(labels[..., 4].max()))


def _measure(
    answers: Tensor, labels: Tensor, classes: int, weights: _Floats, areas: tuple[float, float] = _ALL
) -> _Floats:
    """Return average precisions [B, classes, T]."""
    known = labels.numpy(force=True)
    found = list_detections(answers.numpy(force=True), find_sizes(known))
    return measure_precisions(judge_detections(found, list_objects(known), (len(known), classes), areas), weights)
