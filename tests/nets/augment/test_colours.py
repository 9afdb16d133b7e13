"""Colours against torchvision's functions and Pillow's, image by image."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from nas.nets.training.augment.colours import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    posterize,
    shift_hue,
    solarize,
)
from nas.nets.training.augment.jitter import jitter_colours
from nas.nets.training.augment.rand_augment import COLOUR_OPERATIONS, VIEW_OPERATIONS, DrawnOperations, recolour

Change = Callable[[Tensor, Tensor], Tensor]

BY_FACTOR: tuple[tuple[Change, str, tuple[float, ...]], ...] = (
    (adjust_brightness, "adjust_brightness", (0.1, 0.9, 1.0, 1.9)),
    (adjust_contrast, "adjust_contrast", (0.1, 0.9, 1.0, 1.9)),
    (adjust_saturation, "adjust_saturation", (0.0, 0.9, 1.0, 1.9)),
    (adjust_sharpness, "adjust_sharpness", (0.0, 0.9, 1.0, 1.9)),
    (shift_hue, "adjust_hue", (-0.5, -0.1, 0.0, 0.3)),
    (solarize, "solarize", (0.0, 100.0, 200.0, 255.0)),
    (posterize, "posterize", (1, 4, 7, 8)),
)
BY_IMAGE: tuple[tuple[Callable[[Tensor], Tensor], str], ...] = ((autocontrast, "autocontrast"), (equalize, "equalize"))


@pytest.fixture(scope="module")
def functional(torchvision_models: ModuleType) -> Any:
    from torchvision.transforms.v2 import functional

    return functional


def pictures(count: int = 4, channels: int = 3) -> Tensor:
    """Random images uint8 that are higher than wide; the first has a channel of one value, the last few levels."""
    made = torch.randint(20, 230, (count, channels, 29, 23), generator=torch.Generator().manual_seed(0))
    made[0, 0] = 77
    made[-1] = made[-1] // 60 * 60
    return made.to(torch.uint8)


def expected(function: Callable[..., Tensor], name: str, image: Tensor, strength: float) -> Tensor:
    """What torchvision makes of one image; whole levels of what counts in levels, else floats from 0 to 1."""
    if name == "posterize":
        return function(image, int(strength)).float()
    if name == "solarize":
        return function(image, strength).float()
    return 255 * function(image.float() / 255, strength)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("change", "name", "strengths"), BY_FACTOR, ids=[row[1] for row in BY_FACTOR])
def test_a_change_of_colour_is_torchvisions_with_a_strength_for_every_image(
    change: Change, name: str, strengths: Sequence[float], channels: int, functional: Any
) -> None:
    images = pictures(channels=channels)
    found = change(images.float(), torch.tensor(strengths, dtype=torch.float32))
    for one, image, strength in zip(found, images, strengths, strict=True):
        other = expected(getattr(functional, name), name, image, strength)
        torch.testing.assert_close(one, other, rtol=0, atol=2e-3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("change", "name"), BY_IMAGE, ids=[row[1] for row in BY_IMAGE])
def test_a_change_without_strength_is_torchvisions(
    change: Callable[[Tensor], Tensor], name: str, channels: int, functional: Any
) -> None:
    images = pictures(channels=channels)
    other = torch.stack([getattr(functional, name)(image) for image in images]).float()
    torch.testing.assert_close(change(images.float()), other, rtol=0, atol=1.0 if name == "autocontrast" else 0)


PILLOW: tuple[tuple[str, Callable[[Tensor], Tensor], Callable[[Image.Image], Image.Image], float], ...] = (
    ("posterize", lambda images: posterize(images, torch.full((4,), 3.0)), lambda it: ImageOps.posterize(it, 3), 0),
    ("solarize", lambda images: solarize(images, torch.full((4,), 99.0)), lambda it: ImageOps.solarize(it, 99), 0),
    ("equalize", equalize, ImageOps.equalize, 0),
    ("autocontrast", autocontrast, ImageOps.autocontrast, 1),
    (
        "sharpness",
        lambda images: adjust_sharpness(images, torch.full((4,), 1.7)),
        lambda it: ImageEnhance.Sharpness(it).enhance(1.7),
        2,
    ),
    (
        "saturation",
        lambda images: adjust_saturation(images, torch.full((4,), 0.3)),
        lambda it: ImageEnhance.Color(it).enhance(0.3),
        1.5,
    ),
)  # fmt: skip


@pytest.mark.parametrize(("name", "change", "pillows", "levels"), PILLOW, ids=[row[0] for row in PILLOW])
def test_a_change_of_colour_is_pillows_to_whole_levels(
    name: str, change: Callable[[Tensor], Tensor], pillows: Callable[[Image.Image], Image.Image], levels: float
) -> None:
    images = pictures()
    for one, image in zip(change(images.float()), images, strict=True):
        other = np.asarray(pillows(Image.fromarray(image.permute(1, 2, 0).numpy())))
        assert np.abs(one.permute(1, 2, 0).numpy() - other).max() <= levels


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("change", "neutral"),
    [(row[0], {"adjust_hue": 0.0, "solarize": 256.0, "posterize": 8.0}.get(row[1], 1.0)) for row in BY_FACTOR],
    ids=[row[1] for row in BY_FACTOR],
)
def test_a_neutral_strength_leaves_images_as_they_are(change: Change, neutral: float, channels: int) -> None:
    images = pictures(channels=channels).float()
    torch.testing.assert_close(change(images, torch.full((4,), neutral)), images, rtol=0, atol=1e-3)


def test_shift_hue_by_a_third_of_the_circle_exchanges_the_channels() -> None:
    images = pictures().float()
    torch.testing.assert_close(shift_hue(images, torch.full((4,), 1 / 3)), images.roll(1, 1), rtol=0, atol=2e-4)


@pytest.mark.parametrize("strength", [0.0, 0.4])
def test_jitter_colours_gives_every_image_a_change_of_its_own(strength: float) -> None:
    torch.manual_seed(1)
    image = pictures(1).float()
    found = jitter_colours(image.expand(8, -1, -1, -1), strength)
    assert 0 <= float(found.min()) <= float(found.max()) <= 255
    different = sum(not torch.allclose(one, two, atol=1e-2) for i, one in enumerate(found) for two in found[:i])
    assert different == (28 if strength else 0)
    assert strength or torch.allclose(found, image, atol=1e-3)


OF_TORCHVISION: tuple[Callable[[Any, Tensor], Tensor], ...] = (
    lambda of, image: image.float(),
    lambda of, image: 255 * of.adjust_brightness(image / 255, 1 - 0.45),
    lambda of, image: 255 * of.adjust_saturation(image / 255, 1 - 0.45),
    lambda of, image: 255 * of.adjust_contrast(image / 255, 1 - 0.45),
    lambda of, image: 255 * of.adjust_sharpness(image / 255, 1 - 0.45),
    lambda of, image: of.posterize(image, 6).float(),
    lambda of, image: of.solarize(image, 127.5).float(),
    lambda of, image: 255 * of.autocontrast(image / 255),
    lambda of, image: of.equalize(image).float(),
)


@pytest.mark.parametrize("number", range(len(COLOUR_OPERATIONS)))
def test_recolour_applies_an_operation_to_the_images_that_it_was_drawn_for(number: int, functional: Any) -> None:
    """To the second image at half of the largest strength, downwards; the others have an operation of views first."""
    images, none = pictures(3), len(VIEW_OPERATIONS)
    numbers = torch.tensor([[0, number + len(VIEW_OPERATIONS), 1], [none, none, none]])
    found = recolour(images.float(), DrawnOperations(numbers, torch.full((2, 3), -0.5)))
    assert torch.equal(found[[0, 2]], images[[0, 2]].float())
    torch.testing.assert_close(found[1], OF_TORCHVISION[number](functional, images[1]), rtol=0, atol=2e-3)
    assert (number == 0) == torch.equal(found[1], images[1].float())
