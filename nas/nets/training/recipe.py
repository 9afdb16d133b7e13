"""How a network is trained: constants and the learning-rate schedule."""

import math
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from nas.design.dense.head import TaskName
from nas.design.size import Size, scale_size, shorter_side
from nas.jobs import AugmentName, RecipeName
from nas.nets.data.dataset import Data
from nas.nets.training.augment.augmentation import DENSE, STANDARD, STRONG, Augmentation, augmentation_of, unmixed

OptimiserName = Literal["sgd", "rmsprop"]


class Recipe(Struct, frozen=True):
    """Training constants; rates are peak learning rates: of photos, of grey pictures, of fine-tuning.

    Validation accuracy after 4 epochs of V3-Large: photos at 64 px 38 % with 0.05 and 23 % with 0.1; digits at 48 px
    (width 1.3, two seeds) 96.9 and 98.6 % with 0.1, 96.5 and 96.4 % with 0.05.

    `normless_rate` is Adam's, of networks without norms: SqueezeNet 1.1 at half width has 87 % after 12 epochs of
    digits at 64 px with 0.001, 76 % with 0.003, and with SGD 10 %, chance, at 0.01 and 0.03.

    A training is progressive if `small` is given: all but the last `full_share` of its steps see the images with so
    many pixels on the shorter side instead of at the resolution that the network ships at. That costs less and is worth
    less, so it is no default: V3-Small after 8 epochs of photos at 128 px has 54.4 %, with half of its steps at 64 px
    51.7 % for two thirds of the work. It is worth more than fewer epochs, so a budget that is short takes it
    (`experiments/resolution`).

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
    normless_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 1e-4
    warm_up: float = 0.1
    smoothing: float = 0.1
    clip: float = 5.0
    dropout: float = 0.2
    augmentation: Augmentation = STANDARD
    norm_images: int = 256
    adapt_norm_images: int = 128
    look_images: int = 512
    small: int | None = None
    full_share: float = 0.5

    def small_steps(self, total: int) -> int:
        """How many steps of a schedule see the images smaller than the network ships at: never the last one."""
        return 0 if self.small is None else total - min(total, max(1, math.ceil(self.full_share * total)))

    def small_resolution(self, resolution: Size) -> Size:
        """Size in pixels of the images in these steps, for a network that ships at `resolution`: of the same aspect."""
        shorter = shorter_side(resolution)
        return resolution if self.small is None or self.small >= shorter else scale_size(resolution, self.small)


MODERN = Recipe()

PAPER = Recipe(
    optimiser="rmsprop",
    photo_rate=0.009,
    picture_rate=0.009,
    gentle_rate=0.002,
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

STRONG_RECIPE = Recipe(augmentation=STRONG)
"""`modern` for long trainings: random resized crops, flips, RandAugment, erasing, and mixup or CutMix."""

_DENSE_BATCH = 16
_GENTLE = 0.2  # of Adam's rate, for fine-tuning
RECIPES: dict[RecipeName, Recipe] = {"modern": MODERN, "paper": PAPER, "strong": STRONG_RECIPE}
"""By the names that `--recipe` takes."""


def choose_recipe(
    name: RecipeName,
    small: int | None = None,
    augment: Iterable[AugmentName] | None = None,
    task: TaskName = "classification",
) -> Recipe:
    """Return the recipe of a name with images of `small` pixels first and these augmentations instead of its own.

    A detector or segmenter sees images at the size that it ships at, and never two mixed in one. It is fine-tuned at
    the full rate, for its head is new where the weights are a classifier's: SSDLite on Lite0 has 25 % mAP after 20
    epochs of 205 images at 160 px, and 22 % at the gentle rate.
    """
    recipe = replace(RECIPES[name], small=small)
    if task != "classification":
        own = DENSE if recipe.augmentation == STANDARD else recipe.augmentation
        full = recipe.photo_rate
        recipe = replace(recipe, batch=_DENSE_BATCH, gentle_rate=full, small=None, augmentation=own)
    recipe = recipe if augment is None else replace(recipe, augmentation=augmentation_of(augment))
    return recipe if task == "classification" else replace(recipe, augmentation=unmixed(recipe.augmentation))


def peak_rate(recipe: Recipe, data: Data, gentle: bool, normed: bool = True) -> float:
    """The largest learning rate of a training on this data; a network without norms is trained by Adam."""
    if not normed:
        return recipe.normless_rate * (_GENTLE if gentle else 1)
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


def default_epochs(data: Data) -> int:
    """Epochs to train for: 3 of grey pictures, 15 of photos, fewer where that is more than 200,000 images.

    Boxes and masks come with few images, each of which says much: there they are at least 12,000 images in all.
    """
    if data.task != "classification":
        return max(2, min(100, max(15, round(12_000 / len(data.train))), round(200_000 / len(data.train))))
    return max(2, min(15 if data.photos else 3, round(200_000 / len(data.train))))
