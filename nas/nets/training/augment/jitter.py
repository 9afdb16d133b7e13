"""`jitter_colours`: random brightness, contrast, saturation and hue."""

import torch
from torch import Tensor

from nas.nets.training.augment.colours import adjust_brightness, adjust_contrast, adjust_saturation, shift_hue

_CHANGES = (adjust_brightness, adjust_contrast, adjust_saturation)
_HUE = 1 / 4  # of the strength, in turns


def jitter_colours(pixels: Tensor, strength: float) -> Tensor:
    """Return images [N, C, H, W] from 0 to 255 in other colours, each with strengths of its own.

    Brightness, contrast and saturation are changed by factors of up to 1 ± `strength`. The order is drawn for a batch.
    """
    for number in torch.randperm(len(_CHANGES) + 1).tolist():
        drawn = (strength * (2 * torch.rand(len(pixels)) - 1)).to(pixels.device)
        pixels = _CHANGES[number](pixels, 1 + drawn) if number < len(_CHANGES) else shift_hue(pixels, _HUE * drawn)
    return pixels
