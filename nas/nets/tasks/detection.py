"""`Detection`: boxes with classes, as SSD learns them (Liu et al. 2016, arXiv 1512.02325)."""

from typing import ClassVar

import torch
from msgspec import Struct
from msgspec.structs import replace
from torch import Tensor

from nas.design.dense.anchors import AnchorMap, lay_anchors
from nas.design.dense.detections import USUAL_RULE
from nas.jobs import ClassScores, Score
from nas.nets.tasks.boxes.anchors import place_anchors
from nas.nets.tasks.boxes.detection_scores import score_detected_classes, score_detections
from nas.nets.tasks.boxes.matching import AnchorTargets, match_anchors
from nas.nets.tasks.boxes.moving import move_boxes
from nas.nets.tasks.boxes.multibox import distil_boxes, sum_losses
from nas.nets.tasks.boxes.suppression import detect_all
from nas.nets.tasks.task import Outputs

_RULE = replace(USUAL_RULE, count=100)  # COCO looks at no more


class Detection(Struct, frozen=True):
    """Scores [N, A, classes] and boxes [N, A, 4] of anchors against labels float32 [N, M, 8].

    A row of the labels is an object: left, top, right, bottom as shares of the image; class, -1 if it is none; 1 if it
    is ignored (a crowd, a difficult box); width and height of the original image in pixels, also if it is none. Class 0
    is the background. An answer is the objects that are seen, [N, 100, 6]: left, top, right, bottom, class (-1 if it is
    none) and score.
    """

    anchors: tuple[AnchorMap, ...]

    reflects: ClassVar[bool] = False

    def loss(self, outputs: Outputs, labels: Tensor, smoothing: float) -> Tensor:
        """Return the loss of SSD: the sum over the batch, divided by its anchors that have an object."""
        sums = sum_losses(outputs, self._targets(outputs, labels), smoothing)
        return sums.losses.sum() / sums.positives.sum().clamp(min=1)

    def distil(self, outputs: Outputs, taught: Outputs, temperature: float) -> Tensor | None:
        """Return how far classes and boxes are from the teacher's; None if it has other anchors."""
        return None if outputs[0].shape != taught[0].shape else distil_boxes(outputs, taught, temperature)

    def losses(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Return the loss of each image alone; one without objects is judged by its three hardest negatives."""
        sums = sum_losses(outputs, self._targets(outputs, labels), least=1)
        return sums.losses / sums.positives.clamp(min=1)

    def answer(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Return the objects that are seen in each image [N, 100, 6]."""
        scores, boxes = (output.float().numpy(force=True) for output in outputs)
        return torch.from_numpy(detect_all(scores, boxes, lay_anchors(self.anchors), _RULE))

    def move(self, labels: Tensor, views: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Return the boxes as they lie in the images that views show."""
        return labels if views is None else move_boxes(labels, views)

    def score(self, losses: Tensor, answers: Tensor, labels: Tensor) -> Score:
        """Return the mean average precision, COCO's metric, with its interval."""
        return score_detections(losses, answers, labels)

    def score_classes(self, answers: Tensor, labels: Tensor, classes: int) -> ClassScores:
        """Return the average precision of each class, and the mean at an overlap of 0.5 and by size of the objects."""
        return score_detected_classes(answers, labels, classes)

    def _targets(self, outputs: Outputs, labels: Tensor) -> AnchorTargets:
        """Return what the anchors should say; raises ValueError for outputs of another resolution, which has others."""
        anchors = place_anchors(self.anchors, labels.device)
        if outputs[0].shape[1] != len(anchors):
            raise ValueError(f"The outputs are of {outputs[0].shape[1]} anchors, but the network has {len(anchors)}.")
        return match_anchors(labels, anchors)
