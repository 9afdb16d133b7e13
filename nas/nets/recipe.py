"""How a network is trained: constants and the learning-rate schedule."""

import math

from msgspec import Struct

from nas.nets.data import Data


class Recipe(Struct, frozen=True):
    """Training constants; `rate` and `gentle_rate` are peak learning rates of training and fine-tuning."""

    batch: int = 32
    rate: float = 0.1
    gentle_rate: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 1e-4
    warm_up: float = 0.1
    smoothing: float = 0.1
    clip: float = 5.0
    dropout: float = 0.2
    shift: float = 0.1
    scale: float = 0.1
    fit_norm_images: int = 128
    fit_pixels: int = 200_000_000
    fit_steps: int = 400
    fit_rate: float = 3e-3


def rate_at(step: int, total: int, peak: float, warm_up: float) -> float:
    """The learning rate of a step: linear rise over `warm_up` of the schedule, then half a cosine to zero."""
    rise = max(1.0, warm_up * total)
    if step + 1 < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step + 1 - rise) / max(1.0, total - rise + 1)))


def default_train_resolution(data: Data, deployment: int) -> int:
    """Side of the training images in pixels: native, at least 32 and at most 128, never more than deployed."""
    return min(deployment, 128, max(32, data.size))


def default_epochs(data: Data) -> int:
    """Epochs that a data set of this size needs; about 20,000 images for a small one."""
    return max(4, min(60, round(20_000 / len(data.train))))
