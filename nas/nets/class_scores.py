"""`score_classes`: the right answers of each class."""

import torch
from torch import Tensor

from nas.jobs import ClassScores


def score_classes(labels: Tensor, correct: Tensor, classes: int) -> ClassScores:
    """Return the scores by class of labels [N] and hits [N]; raises ValueError without images or for another label."""
    if len(labels) == 0 or int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise ValueError(f"{len(labels)} labels of {classes} classes, numbered from 0")
    counts = torch.bincount(labels, minlength=classes)
    hits = torch.bincount(labels[correct.bool()], minlength=classes)
    return ClassScores(tuple(hits.tolist()), tuple(counts.tolist()))
