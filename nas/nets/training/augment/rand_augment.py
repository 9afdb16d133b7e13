"""RandAugment (Cubuk et al. 2020, section 3): two operations of fourteen for every image, all of one strength.

Operations and largest strengths are those of torchvision's `RandAugment`, but for shears, which leave the centre in its
place. Those that move pixels are composed with the crop, so that an image is resampled once; those that change colours
follow.
"""

import math
from collections.abc import Callable

import torch
from msgspec import Struct
from torch import Tensor

from nas.nets.training.augment.colours import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    posterize,
    solarize,
)
from nas.nets.training.augment.views import ImageSize

ViewOperation = Callable[[Tensor, Tensor, float], None]
"""Writes into views [M, 3, 3] an operation of strengths [M] from -1 to 1, for images of a height-to-width ratio."""
ColourOperation = Callable[[Tensor, Tensor], Tensor]
"""Images [M, C, H, W] from 0 to 255 after an operation of strengths [M] from -1 to 1."""

_SHEAR = 0.3  # pixels across for each pixel down
_TRANSLATION = 2 * 150 / 331  # in coordinates from -1 to 1
_ROTATION = math.radians(30)
_FACTOR = 0.9
_BITS = 4  # that posterising takes away
OPERATIONS_EACH = 2


def shear_x(views: Tensor, strengths: Tensor, ratio: float) -> None:
    """Rows move along themselves."""
    views[:, 0, 1] = _SHEAR * strengths * ratio


def shear_y(views: Tensor, strengths: Tensor, ratio: float) -> None:
    """Columns move along themselves."""
    views[:, 1, 0] = _SHEAR * strengths / ratio


def translate_x(views: Tensor, strengths: Tensor, ratio: float) -> None:
    """All moves to one side."""
    views[:, 0, 2] = _TRANSLATION * strengths


def translate_y(views: Tensor, strengths: Tensor, ratio: float) -> None:
    """All moves up or down."""
    views[:, 1, 2] = _TRANSLATION * strengths


def rotate(views: Tensor, strengths: Tensor, ratio: float) -> None:
    """All turns around the centre; in pixels, so that no image is sheared by it."""
    angles = _ROTATION * strengths
    views[:, 0, 0] = views[:, 1, 1] = angles.cos()
    views[:, 0, 1], views[:, 1, 0] = -angles.sin() * ratio, angles.sin() / ratio


VIEW_OPERATIONS: tuple[ViewOperation, ...] = (shear_x, shear_y, translate_x, translate_y, rotate)
COLOUR_OPERATIONS: tuple[ColourOperation, ...] = (
    lambda images, strengths: images,
    lambda images, strengths: adjust_brightness(images, 1 + _FACTOR * strengths),
    lambda images, strengths: adjust_saturation(images, 1 + _FACTOR * strengths),
    lambda images, strengths: adjust_contrast(images, 1 + _FACTOR * strengths),
    lambda images, strengths: adjust_sharpness(images, 1 + _FACTOR * strengths),
    lambda images, strengths: posterize(images, 8 - (_BITS * strengths.abs()).round()),
    lambda images, strengths: solarize(images, 255 * (1 - strengths.abs())),
    lambda images, strengths: autocontrast(images),
    lambda images, strengths: equalize(images),
)


class DrawnOperations(Struct, frozen=True, eq=False):
    """The numbers of operations [2, N], first of views, then of colours, and their strengths [2, N] from -1 to 1."""

    numbers: Tensor
    strengths: Tensor


def draw_operations(count: int, strength: float) -> DrawnOperations:
    """Draw two operations for each of so many images, in either direction."""
    numbers = torch.randint(len(VIEW_OPERATIONS) + len(COLOUR_OPERATIONS), (OPERATIONS_EACH, count))
    return DrawnOperations(numbers, strength * (1 - 2 * torch.randint(2, (OPERATIONS_EACH, count)).float()))


def compose_views(views: Tensor, drawn: DrawnOperations, size: ImageSize) -> Tensor:
    """Return views [N, 3, 3] of images of this size after the operations that move pixels."""
    for numbers, strengths in zip(drawn.numbers, drawn.strengths, strict=True):
        changes = torch.eye(3).repeat(len(views), 1, 1)
        for number, write in enumerate(VIEW_OPERATIONS):
            picked = numbers == number
            part = changes[picked]
            write(part, strengths[picked], size[0] / size[1])
            changes[picked] = part
        views = views @ changes
    return views


def recolour(pixels: Tensor, drawn: DrawnOperations) -> Tensor:
    """Return images [N, C, H, W] from 0 to 255 after the operations that change colours."""
    found = pixels.clone()
    for numbers, strengths in zip(drawn.numbers, drawn.strengths, strict=True):
        for number, change in enumerate(COLOUR_OPERATIONS, len(VIEW_OPERATIONS)):
            picked = (numbers == number).nonzero()[:, 0]
            if len(picked):
                there = picked.to(pixels.device)
                found[there] = change(found[there], strengths[picked].to(pixels.device))
    return found
