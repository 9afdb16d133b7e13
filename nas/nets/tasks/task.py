"""`Task`: what a network learns from labels, and how its answers are judged."""

from collections.abc import Iterable
from typing import Protocol

import torch
from msgspec import Struct
from torch import Tensor

from nas.jobs import ClassScores, Score

Outputs = tuple[Tensor, ...]
"""What a network gives for images, in the order of `Graph.outputs`; each [N, ...]."""


class Task(Protocol):
    """A task, as a network of it is trained and judged.

    Labels have a row for each image. Of classification they are int64 [N], or shares of classes [N, classes] of mixed
    images; of segmentation uint8 [N, H, W], the class of every pixel, 255 where none counts; of detection float32
    [N, M, 8]: a row an object (see `detection.Detection`).
    """

    @property
    def reflects(self) -> bool:
        """Whether the mirror image may stand beyond an image's edge in training: not where that adds objects."""
        ...

    def loss(self, outputs: Outputs, labels: Tensor, smoothing: float) -> Tensor:
        """What training lowers: of a batch, a scalar."""
        ...

    def distil(self, outputs: Outputs, taught: Outputs, temperature: float) -> Tensor | None:
        """How far outputs are from a teacher's, a scalar; None where nothing can be learnt from these."""
        ...

    def losses(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """The loss of each image [N], which networks are compared by."""
        ...

    def answer(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """What a score needs of each image [N, ...]."""
        ...

    def move(self, labels: Tensor, views: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Labels of images that are seen through views [N, 3, 3] (see `augment.views`) at a size (height, width)."""
        ...

    def score(self, losses: Tensor, answers: Tensor, labels: Tensor) -> Score:
        """The score of all images of a split."""
        ...

    def score_classes(self, answers: Tensor, labels: Tensor, classes: int) -> ClassScores:
        """The same, class by class."""
        ...


class Judged(Struct, frozen=True, eq=False):
    """What a network made of the images of a split: the loss and the answer of each, and what is right."""

    task: Task
    losses: Tensor
    answers: Tensor
    labels: Tensor

    @property
    def score(self) -> Score:
        """The score of all images."""
        return self.task.score(self.losses, self.answers, self.labels)

    def score_classes(self, classes: int) -> ClassScores:
        """The same, class by class."""
        return self.task.score_classes(self.answers, self.labels, classes)


def judge_batches(task: Task, batches: Iterable[Outputs], labels: Tensor) -> Judged:
    """What outputs for the images of a split, batch after batch in its order, are worth beside its labels."""
    labels, losses, answers, seen = labels.cpu(), list[Tensor](), list[Tensor](), 0
    for batch in batches:
        outputs = tuple(output.cpu() for output in batch)
        part = labels[seen : seen + len(outputs[0])]
        losses.append(task.losses(outputs, part))
        answers.append(task.answer(outputs, part))
        seen += len(part)
    return Judged(task, torch.cat(losses), torch.cat(answers), labels)
