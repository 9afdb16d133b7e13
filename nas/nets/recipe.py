"""How a network is trained: constants and the learning-rate schedule."""

import math
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from nas.nets.data import Data

OptimiserName = Literal["sgd", "rmsprop"]


class Recipe(Struct, frozen=True):
    """Training constants; rates are peak learning rates: of photos, of grey pictures, of fine-tuning.

    Validation accuracy after 4 epochs of V3-Large: photos at 64 px 38 % with 0.05 and 23 % with 0.1; digits at 48 px
    (width 1.3, two seeds) 96.9 and 98.6 % with 0.1, 96.5 and 96.4 % with 0.05.

    `fit_photos` and `fit_pictures` (grey ones) are the images a class that the head is fitted to at the deployment
    resolution: a pass at 224 pixels costs as much as training on several images at 64. `bridge_photos` and
    `bridge_pictures` are steps of training half-way: 16 took digits from 85 and 90 % (two networks) to 92 and 94 %.

    `rate_left` is what an exponential decay leaves of the rate; 0 is a cosine. `average` is the largest decay of a
    running average of the weights; 0 keeps none. `distil` is a teacher's share in the loss, at a `temperature`.
    """

    optimiser: OptimiserName = "sgd"
    rate_left: float = 0.0
    average: float = 0.0
    distil: float = 0.5
    temperature: float = 4.0

    batch: int = 32
    photo_rate: float = 0.05
    picture_rate: float = 0.1
    gentle_rate: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 1e-4
    warm_up: float = 0.1
    smoothing: float = 0.1
    clip: float = 5.0
    dropout: float = 0.2
    shift: float = 0.1
    scale: float = 0.1
    norm_images: int = 256
    adapt_norm_images: int = 128
    look_images: int = 512
    bridge_photos: int = 64
    bridge_pictures: int = 16
    bridge_rate: float = 0.05
    fit_norm_images: int = 128
    fit_pixels: int = 200_000_000
    fit_photos: int = 100
    fit_pictures: int = 50
    fit_steps: int = 400
    fit_rate: float = 3e-3

    def with_share_of_fit(self, share: float) -> "Recipe":
        """The recipe with a part of the images and steps of a fit."""
        amounts = {name: math.ceil(share * getattr(self, name)) for name in _OF_FIT}
        return replace(self, **amounts)


_OF_FIT = (
    "bridge_photos",
    "bridge_pictures",
    "fit_norm_images",
    "fit_pixels",
    "fit_photos",
    "fit_pictures",
    "fit_steps",
)

MODERN = Recipe()

PAPER = Recipe(
    optimiser="rmsprop",
    photo_rate=0.009,
    picture_rate=0.009,
    gentle_rate=0.002,
    bridge_rate=0.004,
    weight_decay=1e-5,
    rate_left=0.13,
    average=0.9999,
)
"""MobileNetV3's section 6.1: RMSProp with momentum 0.9, L2 of 1e-5, 0.8 of the head kept, weights averaged by 0.9999.

Adapted: its rate of 0.1 was for batches of 4,096; that of RMSProp suits the square root of a batch's size, which leaves
0.009. It falls by 1 % every 3 epochs; of how many the paper does not say, so to what 600 leave, 0.99^200 = 0.13. The
norms' momentum of 0.99 has no counterpart: their statistics are estimated anew after every training. Images are
augmented as in `modern`, where the paper has Inception's way.
"""

RECIPES: dict[str, Recipe] = {"modern": MODERN, "paper": PAPER}
"""By the names that `--recipe` takes."""


def peak_rate(recipe: Recipe, data: Data, gentle: bool) -> float:
    """The largest learning rate of a training on this data."""
    if gentle:
        return recipe.gentle_rate
    return recipe.photo_rate if data.photos else recipe.picture_rate


def rate_at(step: int, total: int, peak: float, warm_up: float, left: float = 0.0) -> float:
    """The learning rate of a step: linear rise over `warm_up` of the schedule, then half a cosine to zero.

    Where something is to be `left` of it, the rate decays to that share exponentially instead.
    """
    rise = max(1.0, warm_up * total)
    if step + 1 < rise:
        return peak * (step + 1) / rise
    progress = (step + 1 - rise) / max(1.0, total - rise + 1)
    return peak * (left**progress if left else 0.5 * (1 + math.cos(math.pi * progress)))


def average_decay(recipe: Recipe, total: int) -> float:
    """The decay of the weights' running average over a schedule of `total` steps; 0 keeps none.

    The paper's 0.9999 looks back 10,000 steps, a twentieth of a schedule like torchvision's 600 epochs; shorter ones
    look back a twentieth of theirs.
    """
    return max(0.0, min(recipe.average, 1 - 20 / max(1, total)))


def default_train_resolution(data: Data, deployment: int) -> int:
    """Side of the training images in pixels.

    Native, but no more than 128, which would take minutes an epoch on a CPU, and no less than two sevenths of the
    deployment resolution. V3-Small, trained on digits for 3 epochs at 32, 64 and 96 pixels in 3.9, 3.8 and 6.0 s and
    fitted to 224, had 90.8, 95.3 and 96.4 % there; after 6 epochs at 32 it had 88.3 %.
    """
    least = max(32, 8 * math.ceil(deployment * 2 / 7 / 8))
    return min(deployment, max(least, min(128, data.size)))


def default_epochs(data: Data) -> int:
    """Epochs to train for: 3 of grey pictures, 15 of photos, fewer where that is more than 200,000 images."""
    return max(2, min(15 if data.photos else 3, round(200_000 / len(data.train))))
