"""Where each pixel of an augmented image comes from: moved, scaled, cropped and mirrored in one resampling.

A view is a matrix [3, 3] that takes a place in the result to the place in the source that is shown there. Both are in
coordinates x, y from -1 to 1, as `torch.nn.functional.affine_grid` has them. Views are composed by multiplication.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.nets.training.augment.boxes import draw_sides

PaddingMode = Literal["reflection", "border"]
ImageSize = tuple[int, int]
"""Height and width in pixels."""

_CROP_ASPECT = 4 / 3  # the widest crop, relative to the image (Szegedy et al. 2015, section 6)


def draw_views(count: int, shift: float, flip: bool, vertical_flip: bool) -> Tensor:
    """Draw views [N, 3, 3] moved by up to `shift` of the side, scaled by up to 1 ± `shift`, and maybe mirrored."""
    zoom = 1 + shift * (2 * torch.rand(count) - 1)
    across, down = _draw_signs(count, flip), _draw_signs(count, vertical_flip)
    centre = 2 * shift * (2 * torch.rand(count, 2) - 1)
    return make_views(torch.stack([zoom * across, zoom * down], 1), centre)


def draw_crops(count: int, least: float) -> Tensor:
    """Draw views [N, 3, 3] of a box of `least` to all of the area, at a random place in the image."""
    sides = draw_sides(least + (1 - least) * torch.rand(count), _CROP_ASPECT)
    return make_views(sides, (1 - sides) * (2 * torch.rand(count, 2) - 1))


def make_views(sides: Tensor, centre: Tensor) -> Tensor:
    """Return views [N, 3, 3] of boxes with these sides and centres, each [N, 2] as x, y; negative sides mirror."""
    views = torch.zeros(len(sides), 3, 3)
    views[:, 0, 0], views[:, 1, 1], views[:, 2, 2] = sides[:, 0], sides[:, 1], 1
    views[:, :2, 2] = centre
    return views


def sample_views(pixels: Tensor, views: Tensor, size: ImageSize, padding: PaddingMode) -> Tensor:
    """Return views of images [N, C, S, T] as images [N, C, H, W], bilinear; none should shrink its image by much."""
    theta = views[:, :2].to(pixels.device)
    grid = F.affine_grid(theta, [len(pixels), 1, *size], align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def sample_crops(pixels: Tensor, views: Tensor, size: ImageSize, padding: PaddingMode) -> Tensor:
    """Do the same for views that shrink each image differently: each is first halved, antialiased, as often as it can.

    What is left for the bilinear filter is a factor of at most the root of two, so a small crop loses no detail and a
    large one gains no false one.
    """
    found = pixels.new_empty(*pixels.shape[:2], *size)
    halvings = count_halvings(views, (pixels.shape[-2], pixels.shape[-1]), size)
    for times in torch.bincount(halvings).nonzero()[:, 0].tolist():
        picked = (halvings == times).nonzero()[:, 0]
        there = picked.to(pixels.device)
        found[there] = sample_views(halve(pixels[there], times), views[picked], size, padding)
    return found


def count_halvings(views: Tensor, source: ImageSize, size: ImageSize) -> Tensor:
    """Return how often [N] an image of `source` is halved before it is seen at `size`, by its pixels a pixel there."""
    area = views[:, 0, 0] * views[:, 1, 1] - views[:, 0, 1] * views[:, 1, 0]
    pixels = area.abs() * (source[0] * source[1] / (size[0] * size[1]))
    return pixels.sqrt().log2().round().clamp(min=0).long()


def halve(pixels: Tensor, times: int) -> Tensor:
    """Return images [N, C, H, W] at a half of their size, so many times, antialiased."""
    if times == 0:
        return pixels
    size = [max(1, round(side / 2**times)) for side in pixels.shape[-2:]]
    return F.interpolate(pixels, size, mode="bilinear", antialias=True, align_corners=False)


def _draw_signs(count: int, wanted: bool) -> Tensor:
    """Return -1 for one half of the images if that is wanted, else 1 for all."""
    return 1 - 2 * (torch.rand(count) < 0.5).float() if wanted else torch.ones(count)
