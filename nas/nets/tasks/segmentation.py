"""`Segmentation`: a class for every pixel, by cross-entropy; judged by the intersection over union of each class.

The intersection holds the pixels that are of a class and are said to be, the union those of which either is true
(Everingham et al. 2015). Both are summed over all images of a split before they are divided. Pixels that
are void (255) count for nothing.
"""

from typing import ClassVar

import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nas.jobs import ClassScores, Score
from nas.nets.tasks.resampling import draw_image_weights, find_interval
from nas.nets.tasks.task import Outputs

_VOID = 255


class Segmentation(Struct, frozen=True):
    """Logits [N, C, h, w] against masks uint8 [N, H, W]; an answer is intersection and union of each class [N, 2, C].

    Logits are brought to the size of the masks, so that networks of all resolutions are judged on the same pixels.
    """

    reflects: ClassVar[bool] = True

    def loss(self, outputs: Outputs, labels: Tensor, smoothing: float) -> Tensor:
        """Cross-entropy, the mean over all pixels of the batch that are not void; 0 if all are."""
        return _mean_loss(outputs[0], labels, smoothing)

    def distil(self, outputs: Outputs, taught: Outputs, temperature: float) -> Tensor | None:
        """Divergence from the teacher's softened answers, the mean over pixels (Liu et al. 2019, section 3.1)."""
        own = F.log_softmax(outputs[0].float() / temperature, 1)
        soft = F.softmax(_resize_logits(taught[0], own) / temperature, 1)
        return temperature**2 * F.kl_div(own, soft, reduction="none").sum(1).mean()

    def losses(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Cross-entropy of each image, the mean over its pixels that are not void; 0 if all are."""
        return torch.stack([_mean_loss(*pair) for pair in _pair_up(outputs, labels)])

    def answer(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Pixels in the intersection and in the union of each class, int64 [N, 2, C]."""
        return torch.stack([_count_overlap(*pair) for pair in _pair_up(outputs, labels)])

    def move(self, labels: Tensor, views: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Masks as their images are seen, by the nearest pixel; what is outside of a mask is void."""
        if views is None:
            return F.interpolate(labels[:, None], size, mode="nearest-exact")[:, 0]
        grid = F.affine_grid(views[:, :2].to(labels.device), [len(labels), 1, *size], align_corners=False)
        # What is outside becomes 0, so void has to be 0 meanwhile.
        seen = F.grid_sample((_VOID - labels[:, None]).float(), grid, mode="nearest", align_corners=False)
        return _VOID - seen[:, 0].to(torch.uint8)

    def score(self, losses: Tensor, answers: Tensor, labels: Tensor) -> Score:
        """The mean IoU over the classes that occur, with a 95 % interval by bootstrap over images."""
        counts = answers.numpy(force=True).astype(np.float64)
        sums = draw_image_weights(len(counts)) @ counts.reshape(len(counts), -1)
        values = _mean_iou(sums.reshape(-1, *counts.shape[1:]))
        interval = find_interval(values) if len(counts) > 1 else (0.0, 1.0)  # of one image nothing is known of others
        return Score(float(values[0]), interval, float(losses.double().mean()), len(answers))

    def score_classes(self, answers: Tensor, labels: Tensor, classes: int) -> ClassScores:
        """The IoU of each class; None of one that neither occurs nor is answered."""
        common, union = answers.sum(0).tolist()
        values = tuple(part / whole if whole else None for part, whole in zip(common, union, strict=True))
        # A pixel that is wrong is in two unions, one that is right in one.
        both = sum(common) + sum(union)
        return ClassScores((), (), values, {"pixel accuracy": 2 * sum(common) / both if both else 0.0})


def _pair_up(outputs: Outputs, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Logits [1, C, h, w] and mask [1, H, W] of an image: those of many would fill the memory at the size of masks."""
    return list(zip(torch.split(outputs[0], 1), torch.split(labels, 1), strict=True))


def _mean_loss(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy, the mean over all pixels that are not void, 0 if all are."""
    total = F.cross_entropy(
        _resize_logits(logits, labels),
        labels.long(),
        ignore_index=_VOID,
        reduction="sum",
        label_smoothing=smoothing,
    )
    return total / (labels != _VOID).sum().clamp(min=1)


def _count_overlap(logits: Tensor, labels: Tensor) -> Tensor:
    """Intersection and union of each class, in pixels [2, C]."""
    classes = logits.shape[1]
    found = _resize_logits(logits, labels).max(1).indices  # `argmax` takes six times as long over planes
    pairs = torch.bincount((labels.long() * classes + found).reshape(-1), minlength=(_VOID + 1) * classes)
    table = pairs.reshape(-1, classes)[:classes]  # rows say what is, columns what is answered; void comes after these
    common = table.diagonal()
    return torch.stack([common, table.sum(0) + table.sum(1) - common])


def _resize_logits(logits: Tensor, like: Tensor) -> Tensor:
    """Logits float32 [N, C, H, W] at the size of others, or of masks; bilinear."""
    size = like.shape[-2:]
    if logits.shape[-2:] == size:
        return logits.float()
    return F.interpolate(logits.float(), size, mode="bilinear", align_corners=False)


def _mean_iou(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean IoU [...] over the classes that occur, of intersections and unions [..., 2, C]; 0 if none does."""
    common, union = counts[..., 0, :], counts[..., 1, :]
    occurs = union > 0
    shares = np.divide(common, union, out=np.zeros(union.shape), where=occurs)
    return np.asarray(shares.sum(-1) / np.maximum(occurs.sum(-1), 1))
