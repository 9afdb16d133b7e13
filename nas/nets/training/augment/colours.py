"""Changes of colour, each with a strength of its own for every image.

Images are float [N, C, H, W] from 0 to 255 with C of 1 (grey) or 3; strengths are [N]. Results are those of the
functions of torchvision, and of Pillow for `posterize`, `solarize` and `equalize`, which count in whole levels. A grey
image has neither saturation nor hue.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

_LUMA = (0.2989, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


def adjust_brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Return images times a factor; 1 changes nothing."""
    return (images * by_image(factors)).clamp(0, 255)


def adjust_contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Return images whose distance from their mean grey is multiplied; 1 changes nothing."""
    return _extrapolate(make_grey(images).mean((1, 2, 3), keepdim=True), images, factors)


def adjust_saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Return images whose distance from their grey version is multiplied; 1 changes nothing, 0 gives that."""
    return images if images.shape[1] == 1 else _extrapolate(make_grey(images), images, factors)


def adjust_sharpness(images: Tensor, factors: Tensor) -> Tensor:
    """Return images whose distance from a smoothed version is multiplied; 1 changes nothing, 0 gives that."""
    return _extrapolate(_smooth(images), images, factors)


def shift_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Return images whose hues are turned by a part of the circle of hues; 0 and 1 change nothing.

    The way back from hue, saturation and value is that of one formula for all three channels.
    """
    if images.shape[1] == 1:
        return images
    top, chroma = images.amax(1, keepdim=True), images.amax(1, keepdim=True) - images.amin(1, keepdim=True)
    offsets = images.new_tensor([5.0, 3.0, 1.0]).view(1, 3, 1, 1)
    places = (offsets + _sixths(images, top, chroma) + 6 * by_image(turns)) % 6
    return top - chroma * torch.minimum(places, 4 - places).clamp(0, 1)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Return images of which each value keeps its highest bits, of eight."""
    steps = by_image(2 ** (8 - bits))
    return (images.round() / steps).floor() * steps


def solarize(images: Tensor, thresholds: Tensor) -> Tensor:
    """Return images whose values from a threshold on are inverted."""
    return torch.where(images >= by_image(thresholds), 255 - images, images)


def autocontrast(images: Tensor) -> Tensor:
    """Return images each channel of which reaches from 0 to 255; a channel of one value stays."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    spread = high - low
    return torch.where(spread > 0, (images - low) * (255 / spread.clamp(min=1e-6)), images).clamp(0, 255)


def equalize(images: Tensor) -> Tensor:
    """Return images in each channel of which all levels are about equally frequent, by Pillow's rule."""
    levels = images.round().long().flatten(2).flatten(0, 1)
    counts = torch.zeros(len(levels), 256, dtype=torch.long, device=images.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels))
    below = counts.cumsum(1) - counts
    last = counts.gather(1, levels.amax(1, keepdim=True))
    step = (levels.shape[1] - last) // 255
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    return torch.where(step > 0, table.gather(1, levels), levels).view(images.shape).float()


def make_grey(images: Tensor) -> Tensor:
    """Return the brightness [N, 1, H, W] of images as the eye sees it."""
    if images.shape[1] == 1:
        return images
    return (images * images.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def by_image(strengths: Tensor) -> Tensor:
    """Return strengths [N] as [N, 1, 1, 1]."""
    return strengths.view(-1, 1, 1, 1)


def _extrapolate(base: Tensor, images: Tensor, factors: Tensor) -> Tensor:
    return (base + by_image(factors) * (images - base)).clamp(0, 255)


def _smooth(images: Tensor) -> Tensor:
    """Images smoothed by Pillow's kernel, but for their borders."""
    kernel = images.new_tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]).div(13).view(1, 1, 3, 3)
    inner = F.conv2d(images.flatten(0, 1).unsqueeze(1), kernel)
    found = images.clone()
    found[:, :, 1:-1, 1:-1] = inner.view(*images.shape[:2], *inner.shape[-2:])
    return found


def _sixths(images: Tensor, top: Tensor, chroma: Tensor) -> Tensor:
    """Hues [N, 1, H, W] in sixths of the circle from red; of greys 0."""
    red, green, blue = images[:, :1], images[:, 1:2], images[:, 2:]
    spread = torch.where(chroma > 0, chroma, 1.0)
    of_blue = torch.where(top == green, 2 + (blue - red) / spread, 4 + (red - green) / spread)
    return torch.where(top == red, (green - blue) / spread, of_blue)
