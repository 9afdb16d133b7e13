"""The loss of SSD (Liu et al. 2016, section 2.2, equations 1 to 3), as torchvision's `SSD.compute_loss` computes it."""

import torch
from msgspec import Struct
from torch import Tensor
from torch.nn import functional as F

from nas.nets.tasks.boxes.matching import AnchorTargets
from nas.nets.tasks.task import Outputs

_NEGATIVES = 3  # the hardest anchors of the background that count, for each anchor with an object


class ImageSums(Struct, frozen=True, eq=False):
    """What the anchors of each image lose together [N], and how many of them have an object [N]."""

    losses: Tensor
    positives: Tensor


def sum_losses(outputs: Outputs, targets: AnchorTargets, smoothing: float = 0.0, least: int = 0) -> ImageSums:
    """Return the loss of each image, of scores [N, A, classes] and boxes [N, A, 4].

    The negatives are three for each anchor with an object, and in every image those of `least` such anchors. None is
    an anchor with an object, also where an image has too few negatives (torchvision counts these anchors twice then).
    """
    scores, boxes = (output.float() for output in outputs)
    shifts = F.smooth_l1_loss(boxes, targets.offsets, reduction="none").sum(-1)
    wrong = F.cross_entropy(
        scores.flatten(0, 1), targets.classes.flatten(), reduction="none", label_smoothing=smoothing
    )
    errors = wrong.view_as(targets.classes)
    positives = targets.positive.sum(1)
    found = torch.where(targets.positive, shifts + errors, 0.0).sum(1)
    free = ~(targets.positive | targets.ignored)
    return ImageSums(found + _sum_hardest(errors, free, _NEGATIVES * positives.clamp(min=least)), positives)


def _sum_hardest(errors: Tensor, free: Tensor, counts: Tensor) -> Tensor:
    """Return the sum of the largest errors [N, A] of free anchors [N, A], of each image as many as `counts` [N]."""
    ordered = torch.where(free, errors, -torch.inf).sort(1, descending=True).values
    ranks = torch.arange(ordered.shape[1], device=ordered.device)
    return torch.where((ranks < counts[:, None]) & (ordered > -torch.inf), ordered, 0.0).sum(1)


def distil_boxes(outputs: Outputs, taught: Outputs, temperature: float) -> Tensor:
    """Return how far scores and boxes are from a teacher's: a mean over anchors, weighted by its share of objects.

    That is the divergence from its softened classes (Hinton et al. 2015, section 2) plus smooth L1 of the offsets.
    """
    scores, boxes = (output.float() for output in outputs)
    sure, places = (output.float() for output in taught)
    soft = F.softmax(sure / temperature, -1)
    gaps = F.kl_div(F.log_softmax(scores / temperature, -1), soft, reduction="none").sum(-1)
    shifts = F.smooth_l1_loss(boxes, places, reduction="none").sum(-1)
    weights = 1 - F.softmax(sure, -1)[..., 0]
    return ((temperature**2 * gaps + shifts) * weights).sum() / weights.sum().clamp(min=1e-6)
