"""What moves pixels: the augmentation of before as a golden, ramps that bilinear filters copy exactly, torchvision."""

from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from nas.nets.training.augment.augmentation import STANDARD, Augmentation
from nas.nets.training.augment.pipeline import augment_images
from nas.nets.training.augment.rand_augment import (
    VIEW_OPERATIONS,
    DrawnOperations,
    ViewOperation,
    compose_views,
    rotate,
    shear_x,
    shear_y,
    translate_x,
    translate_y,
)
from nas.nets.training.augment.views import (
    ImageSize,
    count_halvings,
    draw_crops,
    draw_views,
    make_views,
    sample_crops,
    sample_views,
)
from nas.nets.training.batches import normalise, resized

IDENTITY = torch.eye(3).repeat(2, 1, 1)


def augmented_before(images: Tensor, resolution: int, shift: float, scale: float, mirror: bool) -> Tensor:
    """The augmentation as it was before there was any other, by which all published figures were trained."""
    pixels = images.float()
    if pixels.shape[-1] > resolution:
        pixels = resized(pixels, resolution)
    count = len(pixels)
    zoom = 1 + scale * (2 * torch.rand(count) - 1)
    flip = 1 - 2 * (torch.rand(count) < 0.5).float() if mirror else torch.ones(count)
    moved = 2 * shift * (2 * torch.rand(count, 2) - 1)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = zoom * flip, zoom, moved
    grid = F.affine_grid(theta, [count, 1, resolution, resolution], align_corners=False)
    padding = "reflection" if mirror else "border"
    return normalise(F.grid_sample(pixels, grid, mode="bilinear", padding_mode=padding, align_corners=False))


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("resolution", [16, 24, 40])
@pytest.mark.parametrize("channels", [1, 3])
def test_augment_images_by_the_standard_is_bit_for_bit_what_it_was(
    channels: int, resolution: int, mirror: bool
) -> None:
    images = torch.randint(0, 256, (6, channels, 24, 24), dtype=torch.uint8)
    torch.manual_seed(7)
    expected, next_draw = augmented_before(images, resolution, 0.1, 0.1, mirror), torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(augment_images(images, resolution, STANDARD, mirror), expected)
    assert torch.equal(torch.rand(1), next_draw), "dropout draws what it drew before"


def ramp(size: ImageSize, count: int = 2) -> Tensor:
    """Images [N, 2, H, W] of the x and y of each pixel, from the centre, in pixels."""
    high, wide = size
    rows, columns = torch.arange(high) - (high - 1) / 2, torch.arange(wide) - (wide - 1) / 2
    down, across = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([across, down]).expand(count, -1, -1, -1).contiguous()


MOVES: tuple[tuple[ViewOperation, list[list[float]]], ...] = (
    (shear_x, [[1, 0.15, 0], [0, 1, 0]]),
    (shear_y, [[1, 0, 0], [0.15, 1, 0]]),
    (translate_x, [[1, 0, 75 / 331 * 12], [0, 1, 0]]),
    (translate_y, [[1, 0, 0], [0, 1, 75 / 331 * 20]]),
    (rotate, [[0.9659258, -0.2588190, 0], [0.2588190, 0.9659258, 0]]),
)


@pytest.mark.parametrize(("operation", "matrix"), MOVES, ids=[row[0].__name__ for row in MOVES])
def test_an_operation_shows_at_each_pixel_the_one_that_its_matrix_says(
    operation: ViewOperation, matrix: list[list[float]]
) -> None:
    """In pixels, on images of 20 by 12, at half of the largest strength; the second image is left alone."""
    size = (20, 12)
    number = VIEW_OPERATIONS.index(operation)
    drawn = DrawnOperations(torch.tensor([[number, 99], [99, 99]]), torch.full((2, 2), 0.5))
    found = sample_views(ramp(size), compose_views(IDENTITY, drawn, size), size, "border")
    places = ramp(size, 1)[0]
    linear, offset = torch.tensor(matrix)[:, :2], torch.tensor(matrix)[:, 2].view(2, 1, 1)
    expected = torch.einsum("ij,jhw->ihw", linear, places) + offset
    inside = (expected[0].abs() <= 5.5) & (expected[1].abs() <= 9.5)
    assert inside.float().mean() > 0.6
    torch.testing.assert_close(found[0][:, inside], expected[:, inside], rtol=0, atol=1e-4)
    torch.testing.assert_close(found[1], places, rtol=0, atol=1e-4)


def test_compose_views_does_the_second_operation_to_what_the_first_gives() -> None:
    size = (16, 16)
    drawn = DrawnOperations(torch.tensor([[2, 4], [4, 2]]), torch.tensor([[0.5, 3.0], [3.0, 0.5]]))
    both = compose_views(IDENTITY, drawn, size)
    images = torch.rand(2, 1, 16, 16)
    steps = images
    for numbers, strengths in zip(drawn.numbers, drawn.strengths, strict=True):
        one = DrawnOperations(numbers[None], strengths[None])
        steps = sample_views(steps, compose_views(IDENTITY, one, size), size, "border")
    found = sample_views(images, both, size, "border")
    middle = (slice(None), slice(None), slice(6, 10), slice(6, 10))
    torch.testing.assert_close(found[middle], steps[middle], rtol=0, atol=1e-4)


def test_rotate_by_a_right_angle_is_rot90() -> None:
    images = torch.rand(2, 3, 9, 9)
    views = compose_views(IDENTITY, DrawnOperations(torch.tensor([[4, 4]]), torch.tensor([[3.0, -3.0]])), (9, 9))
    found = sample_views(images, views, (9, 9), "border")
    torch.testing.assert_close(found[0], images[0].rot90(1, (1, 2)), rtol=0, atol=1e-5)
    torch.testing.assert_close(found[1], images[1].rot90(-1, (1, 2)), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("flip", "vertical", "axes"), [(True, False, [3]), (False, True, [2])])
def test_draw_views_flips_half_of_the_images_and_twice_is_none(flip: bool, vertical: bool, axes: list[int]) -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 6, 5)
    views = draw_views(200, 0.0, flip, vertical)
    once = sample_views(image.expand(200, -1, -1, -1), views, (6, 5), "reflection")
    turned = sum(torch.allclose(one, image.flip(axes)[0], atol=1e-5) for one in once)
    kept = sum(torch.allclose(one, image[0], atol=1e-5) for one in once)
    assert turned + kept == 200
    assert 70 < kept < 130
    again = sample_views(once, views, (6, 5), "reflection")
    torch.testing.assert_close(again, image.expand(200, -1, -1, -1), rtol=0, atol=1e-5)


@given(st.integers(0, 10**6), st.floats(0.05, 1))
def test_draw_crops_keeps_boxes_within_the_image_of_the_area_and_aspect_asked_for(seed: int, least: float) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        views = draw_crops(64, least)
    sides, centre = views[:, [0, 1], [0, 1]], views[:, :2, 2]
    assert float((sides + centre.abs()).max()) <= 1 + 1e-5
    assert least - 1e-5 <= float(sides.prod(1).min()) <= float(sides.prod(1).max()) <= 1 + 1e-5
    aspect = sides[:, 0] / sides[:, 1]
    assert 3 / 4 - 1e-4 <= float(aspect.min()) <= float(aspect.max()) <= 4 / 3 + 1e-4


def test_count_halvings_is_the_logarithm_of_pixels_a_pixel() -> None:
    """Of 256 pixels to 64: all of it is seen at a quarter, a half at a half, a quarter and less as they are."""
    views = make_views(torch.tensor([[1.0, 1], [0.5, 0.5], [0.25, 0.25], [0.1, 0.1], [-1, 1]]), torch.zeros(5, 2))
    assert count_halvings(views, (256, 256), (64, 64)).tolist() == [2, 1, 0, 0, 2]
    assert count_halvings(views, (64, 256), (64, 64)).tolist() == [1, 0, 0, 0, 1]


@pytest.fixture(scope="module")
def functional(torchvision_models: ModuleType) -> Any:
    from torchvision.transforms.v2 import functional

    return functional


@pytest.mark.parametrize(
    ("box", "atol"),
    [((0, 0, 64, 96), 1e-4), ((0, 0, 32, 48), 3.0), ((8, 16, 16, 24), 1e-4), ((10, 3, 11, 17), 1e-4)],
    ids=["all, halved twice", "a half, halved once", "as it is", "enlarged"],
)
def test_sample_crops_is_torchvisions_resized_crop(
    box: tuple[int, int, int, int], atol: float, functional: Any
) -> None:
    """Of smooth images of 64 by 96 to 16 by 24; halving first looks over the edge of a box, torchvision does not."""
    top, left, high, wide = box
    smooth = F.interpolate(255 * torch.rand(2, 3, 8, 8), (64, 96), mode="bicubic")
    sides = torch.tensor([[wide / 96, high / 64]] * 2)
    centre = torch.tensor([[(2 * left + wide) / 96 - 1, (2 * top + high) / 64 - 1]] * 2)
    found = sample_crops(smooth, make_views(sides, centre), (16, 24), "reflection")
    expected = functional.resized_crop(smooth, top, left, high, wide, [16, 24], antialias=True)
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(found[inner], expected[inner], rtol=0, atol=atol)


def test_augment_images_crops_each_image_by_its_own_box() -> None:
    torch.manual_seed(0)
    image = torch.randint(0, 256, (1, 3, 40, 40), dtype=torch.uint8).expand(6, -1, -1, -1)
    found = augment_images(image, 16, Augmentation(crop=0.08), mirror=False)
    assert found.shape == (6, 3, 16, 16)
    assert all(not torch.allclose(one, two, atol=0.1) for i, one in enumerate(found) for two in found[:i])
