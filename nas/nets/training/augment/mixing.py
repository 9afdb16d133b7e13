"""`mix_images`: mixup (Zhang et al. 2018, equation 2) and CutMix (Yun et al. 2019, equations 1 and 2)."""

import torch
from torch import Tensor
from torch.distributions import Beta
from torch.nn import functional as F

from nas.nets.training.augment.augmentation import Augmentation
from nas.nets.training.augment.boxes import mask_boxes


def mix_images(images: Tensor, labels: Tensor, classes: int, augmentation: Augmentation) -> tuple[Tensor, Tensor]:
    """Mix each image of a batch [N, C, H, W] with another one; return them and the shares of the classes [N, classes].

    Each image draws its share, and one of both ways if both are used. Without either, both are returned as they are.
    """
    if not (augmentation.mixup or augmentation.cutmix):
        return images, labels
    weights = draw_weights(len(images), (images.shape[-2], images.shape[-1]), augmentation).to(images.device)
    partner = torch.randperm(len(images)).to(images.device)
    return blend(images, images[partner], weights), blend_labels(labels, labels[partner], weights, classes)


def draw_weights(count: int, size: tuple[int, int], augmentation: Augmentation) -> Tensor:
    """Draw what each pixel keeps of its own image [N, 1, H, W]; with mixup alone [N, 1, 1, 1]."""
    if not augmentation.cutmix:
        return _draw_shares(count, augmentation.mixup)
    boxes = _draw_boxes(count, size, augmentation.cutmix)
    if not augmentation.mixup:
        return boxes
    coin = torch.rand(count, 1, 1, 1) < 0.5
    return torch.where(coin, _draw_shares(count, augmentation.mixup), boxes)


def blend(images: Tensor, others: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of images, in the layout of network inputs."""
    return torch.lerp(others, images, weights).contiguous(memory_format=torch.channels_last)


def blend_labels(labels: Tensor, others: Tensor, weights: Tensor, classes: int) -> Tensor:
    """Return the shares of the classes [N, classes]: each label counts as much as its image has of the pixels."""
    kept = weights.mean((1, 2, 3))[:, None]
    return torch.lerp(F.one_hot(others, classes).float(), F.one_hot(labels, classes).float(), kept)


def _draw_shares(count: int, alpha: float) -> Tensor:
    return Beta(alpha, alpha).sample((count, 1, 1, 1))


def _draw_boxes(count: int, size: tuple[int, int], alpha: float) -> Tensor:
    """Zeros in boxes that are cut off at the borders; so the share that counts is that of the pixels."""
    sides = (1 - Beta(alpha, alpha).sample((count, 1))).sqrt().expand(count, 2)
    return 1 - mask_boxes(torch.rand(count, 2), sides, size).float()
