"""Images of networks that are not square: cut to their aspect, stored, augmented and looked at like that."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from PIL import Image

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.design.size import Size, height_width, make_size
from nas.jobs import AugmentName
from nas.nets.data.dataset import Labelled, Split, _cut, load_data, size_to_store
from nas.nets.data.reading.copies import thumbnails
from nas.nets.data.reading.picture import centre
from nas.nets.data.style import common_size
from nas.nets.network import build
from nas.nets.training.augment.augmentation import Augmentation, augmentation_of
from nas.nets.training.augment.pipeline import augment_images
from nas.nets.training.batches import chunks, inputs, resized
from nas.nets.training.loop import TrainingRun, evaluate, recalibrate, train
from nas.nets.training.optim import optimiser_of
from nas.nets.training.recipe import MODERN


def gradient(height: int, width: int) -> Image.Image:
    """Red says the column, green the row."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(np.stack([columns, rows, 0 * rows], -1).astype(np.uint8))


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [((30, 50), (50, 170), (0, 200)), ((50, 30), (0, 220), (34, 166)), (40, (10, 210), (0, 200))],
)
def test_centre_is_the_largest_part_of_the_aspect(size: Size, rows: tuple[int, int], columns: tuple[int, int]) -> None:
    """Of 220 x 200 pixels: the outermost pixels show the middles of the outermost parts."""
    found = np.asarray(centre(gradient(220, 200), size)).astype(float)
    height, width = height_width(size)
    assert found.shape == (height, width, 3)
    for shown, (first, last), count in ((found[:, 0, 1], rows, height), (found[0, :, 0], columns, width)):
        half = (last - first) / count / 2
        assert abs(shown[0] - (first + half - 0.5)) <= 1.5
        assert abs(shown[-1] - (last - half - 0.5)) <= 1.5


def test_centre_of_a_picture_with_the_networks_aspect_is_all_of_it() -> None:
    picture = gradient(96, 160)
    np.testing.assert_array_equal(np.asarray(centre(picture, (96, 160))), np.asarray(picture))


@pytest.mark.parametrize(("largest", "stored"), [((24, 40), (24, 40)), ((96, 160), (60, 100)), (24, 24), (None, 60)])
def test_read_folder_stores_images_at_the_aspect_that_is_used(
    tmp_path: Path, largest: Size | None, stored: Size
) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(8):
            gradient(60, 80 + number).save(tmp_path / name / f"{number}.png")
    data = load_data(str(tmp_path), largest=largest)
    assert data.size == stored
    assert data.description is not None
    assert data.description.stored_resolution == stored


def test_arrays_are_cut_to_the_aspect_and_say_so(tmp_path: Path) -> None:
    images = np.arange(40 * 20 * 48, dtype=np.int64).reshape(40, 20, 48) % 251
    given: dict[str, Any] = {"x_train": images.astype(np.uint8), "y_train": np.arange(40) % 2}
    np.savez(tmp_path / "a.npz", **given)
    data = load_data(str(tmp_path / "a.npz"), largest=(96, 160))
    assert data.size == (20, 33)
    assert "Images of 20x48 are cut to their central 20x33." in data.notes
    whole = load_data(str(tmp_path / "a.npz"), largest=(40, 96))
    assert whole.size == (20, 48)
    assert not any("cut" in note for note in whole.notes)


def test_shipped_data_is_cut_to_the_aspect() -> None:
    data = load_data("digits", largest=(96, 160))
    assert [data.size, data.val.images.shape[2:], data.test.images.shape[2:]] == [(5, 8)] * 3


def test_every_split_of_square_images_is_cut() -> None:
    images, labels = np.arange(2 * 3 * 8 * 8, dtype=np.uint8).reshape(2, 3, 8, 8), np.arange(2)
    found = _cut(Labelled(("a", "b"), images, labels, test=(images, labels), val=(images, labels)), (8, 4))
    assert found.val is not None
    assert found.test is not None
    for part in (found.images, found.val[0], found.test[0]):
        np.testing.assert_array_equal(part, images[..., 2:6])


def test_size_to_store_has_room_for_what_is_tried_later() -> None:
    assert [size_to_store(size) for size in (96, 300, (96, 160), (320, 512))] == [256, 300, (256, 427), (320, 512)]


@pytest.mark.parametrize(("shorter", "stored"), [([500, 300, 400], (256, 512)), ([100, 60, 80], (80, 160))])
def test_common_size_has_the_aspect_that_is_used(shorter: list[int], stored: Size) -> None:
    assert common_size(shorter, (256, 512)) == stored


@pytest.mark.parametrize("resolution", [(24, 40), (48, 80), (96, 160), None])
def test_a_store_gives_the_pixels_that_memory_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resolution: Size | None
) -> None:
    """Pictures of the stored size, so that nothing is scaled twice."""
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(8):
            gradient(48, 80 + number).save(tmp_path / "photos" / name / f"{number}.png")
    held = load_data(str(tmp_path / "photos"), largest=(48, 80)).train
    monkeypatch.setattr("nas.nets.data.pictures.MOST_IN_MEMORY", 0)
    stored = load_data(str(tmp_path / "photos"), largest=(48, 80)).train
    assert isinstance(held.source, torch.Tensor) > isinstance(stored.source, torch.Tensor)
    size = resolution or (48, 80)
    found = stored.read(slice(None), resolution)
    assert found.shape[2:] == min(size, (48, 80))
    torch.testing.assert_close(inputs(found, size), inputs(held.images, size), atol=0.05, rtol=0)


def test_inputs_are_cut_to_the_aspect_and_resized() -> None:
    images = torch.arange(3 * 8 * 8, dtype=torch.uint8).view(1, 3, 8, 8)
    found = inputs(images, (8, 4))
    torch.testing.assert_close(found, inputs(images[..., 2:6], (8, 4)))
    assert inputs(images, (16, 24)).shape == (1, 3, 16, 24)
    assert resized(images.float(), (8, 8)).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("size", [(8, 12), (24, 40), (10, 4)])
def test_without_movement_augmentation_is_the_plain_resize_of_the_aspect(size: Size) -> None:
    images = torch.randint(0, 256, (2, 3, 20, 30), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    found = augment_images(images, size, Augmentation(shift=1e-7), mirror=False)
    assert found.shape == (2, 3, *height_width(size))
    torch.testing.assert_close(found, inputs(images, size), rtol=0, atol=2e-2)


def test_every_augmentation_leaves_images_of_the_size() -> None:
    images = torch.randint(0, 256, (6, 3, 20, 30), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    every = augmentation_of(get_args(AugmentName))
    found = augment_images(images, (24, 40), every, mirror=True)
    assert found.shape == (6, 3, 24, 40)
    assert bool(torch.isfinite(found).all())


def test_chunks_bound_the_pixels_of_a_pass() -> None:
    parts = list(chunks(100, (500, 1000)))
    assert max(part.stop - part.start for part in parts) == 4


def test_progressive_training_keeps_the_aspect() -> None:
    recipe = replace(MODERN, small=64)
    assert [recipe.small_resolution(size) for size in ((96, 160), (160, 96), (48, 80), 96)] == [
        (64, 107), (107, 64), (48, 80), 64,
    ]  # fmt: skip


def test_thumbnails_average_rows_and_columns_alike() -> None:
    flat = np.full((1, 1, 32, 48), 7, np.uint8)
    np.testing.assert_allclose(thumbnails(flat), np.full((1, 256), 7), rtol=1e-5)
    wide = np.zeros((1, 1, 32, 48), np.uint8)
    wide[..., 24:] = 100
    halves = thumbnails(wide).reshape(16, 16)
    np.testing.assert_allclose(halves, np.repeat([[0] * 8 + [100] * 8], 16, 0), rtol=1e-5)


def test_a_wide_network_learns_what_lies_left_and_right(small: Architecture) -> None:
    """Its images are twice as wide as high: cut to a square, both classes would look alike."""
    rng = np.random.default_rng(0)
    labels = np.arange(96) % 2
    images = rng.integers(0, 60, (96, 1, 16, 32)).astype(np.uint8)
    images[labels == 0, ..., :8] += 150
    images[labels == 1, ..., 24:] += 150
    split = Split(torch.from_numpy(images), torch.from_numpy(labels))
    network = build(lower(replace(small, resolution=(16, 32), classes=2)))
    course = TrainingRun(0, 40, 40, 0.1, (16, 32), 0, mirror=False)
    train(network, optimiser_of(network, MODERN), split, course, MODERN)
    recalibrate(network, split, (16, 32), 96)
    correct = evaluate(network, split, (16, 32)).answers
    assert float(correct.float().mean()) > 0.95


def test_a_square_teacher_leaves_a_wide_network_all_of_its_image(
    small: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images are drawn at the network's aspect, and large enough for the teacher, which sees their centre."""
    seen: list[tuple[Size, Size]] = []

    def note(images: torch.Tensor, resolution: Size) -> torch.Tensor:
        found = resized(images, resolution)
        seen.append((make_size(*images.shape[2:]), make_size(*found.shape[2:])))
        return found

    monkeypatch.setattr("nas.nets.training.loop.resized", note)
    wide, teacher = (build(lower(replace(small, resolution=size))) for size in ((16, 32), 32))
    split = Split(torch.zeros(8, 1, 20, 40, dtype=torch.uint8), torch.arange(8) % 4)
    course = TrainingRun(0, 1, 1, 0.1, (16, 32), 0, mirror=False)
    train(wide, optimiser_of(wide, MODERN), split, course, MODERN, teacher=teacher.eval())
    assert seen == [((32, 64), (16, 32)), ((32, 64), 32)]


def test_images_whose_aspect_differs_by_rounding_are_stretched_whole() -> None:
    """Of 3:5 images 32 x 56 is the nearest size in steps of 8; 32 x 40 is another aspect and cuts columns off."""
    ramp = torch.arange(100.0).expand(1, 3, 60, 100)
    whole, cut = resized(ramp, (32, 56)), resized(ramp, (32, 40))
    assert float(whole[0, 0, 0, 0]) < 1
    assert float(whole[0, 0, 0, -1]) > 98
    assert float(cut[0, 0, 0, 0]) == pytest.approx(12.5, abs=1)
