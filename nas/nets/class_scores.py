"""Accuracy by class, balanced accuracy, and the share of the largest class: where classes are unequal."""

import torch
from msgspec import Struct
from torch import Tensor


class ClassScores(Struct, frozen=True):
    """Right answers and images of each class."""

    hits: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def accuracies(self) -> tuple[float | None, ...]:
        """The accuracy on the images of each class; None for a class without images."""
        return tuple(hits / count if count else None for hits, count in zip(self.hits, self.counts, strict=True))

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return sum(self.hits) / sum(self.counts)

    @property
    def balanced_accuracy(self) -> float:
        """The mean of the accuracies by class, over the classes that have images (Brodersen et al. 2010).

        >>> ClassScores((95, 0), (95, 5)).balanced_accuracy
        0.5
        """
        known = [accuracy for accuracy in self.accuracies if accuracy is not None]
        return sum(known) / len(known)

    @property
    def largest_share(self) -> float:
        """The share of the largest class: the accuracy of always answering with it.

        >>> ClassScores((95, 0), (95, 5)).largest_share
        0.95
        """
        return max(self.counts) / sum(self.counts)

    @property
    def beats_largest_class(self) -> bool:
        """Whether more answers are right than if each were the largest class."""
        return sum(self.hits) > max(self.counts)


def score_classes(labels: Tensor, correct: Tensor, classes: int) -> ClassScores:
    """Return the scores by class of labels [N] and hits [N]; raises ValueError without images or for another label."""
    if len(labels) == 0 or int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise ValueError(f"{len(labels)} labels of {classes} classes, numbered from 0")
    counts = torch.bincount(labels, minlength=classes)
    hits = torch.bincount(labels[correct.bool()], minlength=classes)
    return ClassScores(tuple(hits.tolist()), tuple(counts.tolist()))
