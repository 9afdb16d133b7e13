"""`erase`: random erasing (Zhong et al. 2020, "Random erasing data augmentation", algorithm 1)."""

import torch
from torch import Tensor

from nas.nets.training.augment.boxes import draw_sides, mask_boxes

AREAS = (0.02, 0.33)  # of the box, as shares of the image: torchvision's; the paper has up to 0.4
_WIDEST = 3.3  # or as high


def erase(images: Tensor, probability: float) -> Tensor:
    """Return network inputs [N, C, H, W] with a box of some of them set to zero, which is the mean of all images."""
    count = len(images)
    area = AREAS[0] + (AREAS[1] - AREAS[0]) * torch.rand(count)
    sides = draw_sides(area, _WIDEST)
    centre = sides / 2 + (1 - sides) * torch.rand(count, 2)
    chosen = torch.rand(count) < probability
    boxes = mask_boxes(centre.to(images.device), (sides * chosen[:, None]).to(images.device), _size(images))
    return images.masked_fill(boxes, 0.0)


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[-2], images.shape[-1]
