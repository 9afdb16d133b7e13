"""`augment_images` and `Augmentation` as a whole."""

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.jobs import AugmentName
from nas.nets.training.augment.augmentation import STANDARD, STRONG, Augmentation, augmentation_of
from nas.nets.training.augment.pipeline import augment_images
from nas.nets.training.batches import inputs
from nas.nets.training.recipe import RECIPES, choose_recipe

NAMES: tuple[AugmentName, ...] = get_args(AugmentName)
EVERYTHING = augmentation_of(NAMES)


def pictures(channels: int = 3, count: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, channels, 24, 32), dtype=torch.uint8, generator=generator)


@given(st.sets(st.sampled_from(NAMES)))
def test_augmentation_of_names_is_told_by_these_names(names: set[AugmentName]) -> None:
    assert set(augmentation_of(names).names) == names


def test_recipes_say_what_they_use() -> None:
    assert {name: recipe.augmentation.names for name, recipe in RECIPES.items()} == {
        "modern": ("shift", "flip"),
        "paper": ("shift", "flip"),
        "strong": ("crop", "flip", "randaugment", "erasing", "mixup", "cutmix"),
    }
    assert Augmentation(shift=0.1, flip=True) == STANDARD == choose_recipe("modern").augmentation
    assert choose_recipe("modern", 48, STRONG.names).augmentation == STRONG
    assert choose_recipe("strong", None, ()).augmentation == Augmentation()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_augment_images_changes_images_by_each_name_and_by_seed_alone(name: AugmentName, channels: int) -> None:
    images, used = pictures(channels), augmentation_of([name])
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(augment_images(images, 16, used, mirror=True))
    plain = augment_images(images, 16, Augmentation(), mirror=True)
    assert found[0].shape == (8, 3, 16, 16)
    assert bool(torch.isfinite(found[0]).all())
    assert torch.equal(found[0], found[1])
    mixes = name in ("mixup", "cutmix")
    assert torch.equal(found[0], plain) == mixes
    assert torch.equal(found[0], found[2]) == mixes


@pytest.mark.parametrize("resolution", [8, 24, 40])
def test_augment_images_without_changes_is_what_evaluation_sees(resolution: int) -> None:
    images = pictures()[..., :24]
    assert torch.equal(augment_images(images, resolution, Augmentation(), mirror=True), inputs(images, resolution))


@pytest.mark.parametrize("names", [("flip",), ("vertical-flip",), ("flip", "vertical-flip")])
def test_augment_images_leaves_flips_out_where_images_may_not_be_mirrored(names: tuple[AugmentName, ...]) -> None:
    images = pictures(1)[..., :24]
    found = augment_images(images, 24, augmentation_of(names), mirror=False)
    assert torch.equal(found, inputs(images, 24))


def test_augment_images_never_leaves_the_range_of_inputs() -> None:
    """What is sampled, coloured and erased lies between the darkest and the brightest input there can be."""
    torch.manual_seed(0)
    found = augment_images(pictures(count=64), 20, EVERYTHING, mirror=True)
    least, most = inputs(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1), 1).amin((2, 3))
    for channel in range(3):
        values = found[:, channel]
        assert float(least[channel]) - 1e-4 <= float(values.min())
        assert float(values.max()) <= float(most[channel]) + 1e-4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_augment_images_draws_the_same_on_a_gpu() -> None:
    images = pictures()
    torch.manual_seed(0)
    here = augment_images(images, 16, EVERYTHING, mirror=True)
    torch.manual_seed(0)
    there = augment_images(images.cuda(), 16, EVERYTHING, mirror=True).cpu()
    assert float((here - there).abs().median()) < 1e-3
