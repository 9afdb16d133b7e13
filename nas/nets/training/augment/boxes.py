"""Boxes in images, in shares of their width and height: what is cropped, erased, or cut from another image."""

import math

import torch
from torch import Tensor


def draw_sides(area: Tensor, widest: float) -> Tensor:
    """Draw sides [N, 2] as x, y of boxes of these areas [N]; all are shares of the image, within which each fits.

    The logarithm of width to height, relative to the image's own, is uniform up to that of `widest` either way.
    """
    bound = (-area.log()).clamp(max=math.log(widest))
    ratio = (bound * (2 * torch.rand(len(area)) - 1)).exp()
    return torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], 1).clamp(max=1)


def mask_boxes(centre: Tensor, sides: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the pixels [N, 1, H, W] whose centres are within boxes; `centre` and `sides` [N, 2] are shares, x, y."""
    high, wide = size
    columns = _is_between(centre[:, 0], sides[:, 0], wide)
    rows = _is_between(centre[:, 1], sides[:, 1], high)
    return rows[:, None, :, None] & columns[:, None, None, :]


def _is_between(centre: Tensor, side: Tensor, count: int) -> Tensor:
    """Whether each of `count` pixels [N, count] is within half a side of the centre [N]."""
    places = (torch.arange(count, device=centre.device) + 0.5) / count
    return (places[None] - centre[:, None]).abs() < side[:, None] / 2
