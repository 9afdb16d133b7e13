"""Images that EXIF turns: boxes and masks drawn before or after, for every orientation, against Pillow."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from nas.tasks.pictures import UprightSize, read_plain, read_upright, read_upright_size
from nas.tasks.placing import find_placement, turn_mask, turn_points
from tests.tasks.made import (
    ORIENTATION,
    coco_box,
    detect,
    only_mask,
    save_coco,
    save_image,
    save_mask,
    save_voc,
    save_yolo,
    segment,
    voc_object,
)

BOX = (4, 6, 20, 10)
STORED = (64, 48)


def turned_by_pillow(orientation: int) -> Image.Image:
    """An image of 64x48 with a white box, as Pillow turns it upright."""
    image = Image.new("L", STORED)
    image.paste(255, BOX)
    image.getexif()[ORIENTATION] = orientation
    return ImageOps.exif_transpose(image)


def bounds(image: Image.Image) -> list[float]:
    found = image.getbbox()
    assert found is not None
    return list(found)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turn_points_agrees_with_pillow(orientation: int) -> None:
    corners = turn_points(np.array(BOX, dtype=np.float64).reshape(2, 2), STORED, orientation)
    assert [*corners.min(axis=0), *corners.max(axis=0)] == bounds(turned_by_pillow(orientation))


@pytest.mark.parametrize("orientation", range(5, 9))
def test_turn_mask_agrees_with_pillow(orientation: int) -> None:
    mask = np.random.default_rng(0).integers(0, 9, (48, 64)).astype(np.uint8)
    image = Image.fromarray(mask)
    image.getexif()[ORIENTATION] = orientation
    assert np.array_equal(turn_mask(mask, orientation), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_read_upright_size_is_that_of_the_upright_image(tmp_path: Path, ending: str, orientation: int) -> None:
    path = str(save_image(tmp_path / f"a{ending}", orientation=orientation))
    size = read_upright_size(path)
    assert size == UprightSize(*read_upright(path).size, orientation)
    assert isinstance(size, UprightSize)
    assert size.stored == STORED
    assert ending == ".tif" or read_plain(path).size == STORED  # Pillow turns a TIFF by itself


@pytest.mark.parametrize("orientation", range(5, 9))
def test_check_boxes_turns_boxes_that_were_drawn_before_the_image_was_turned(tmp_path: Path, orientation: int) -> None:
    x1, y1, x2, y2 = BOX
    save_coco(tmp_path, [coco_box([x1, y1, x2 - x1, y2 - y1])], orientation)
    data, _ = detect(tmp_path, "coco")
    [sample] = data.splits["train"]
    assert sample.size == (48, 64)
    assert sample.boxes[0].tolist() == bounds(turned_by_pillow(orientation))
    assert data.notes[-1].startswith("1 images turned by EXIF have boxes that were drawn on the image as stored")


def test_check_boxes_leaves_boxes_that_were_drawn_on_the_upright_image(tmp_path: Path) -> None:
    save_voc(tmp_path, "a", [voc_object("dog", (5, 7, 20, 10))], size=(48, 64), orientation=6)
    data, _ = detect(tmp_path, "voc")
    assert data.splits["train"][0].boxes.tolist() == [list(BOX)]
    assert data.warnings == ()


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_check_boxes_warns_if_the_written_size_does_not_tell(tmp_path: Path, orientation: int) -> None:
    save_coco(tmp_path, [coco_box([0, 0, 9, 9])], orientation)
    data, _ = detect(tmp_path, "coco")
    assert data.warnings[0].startswith("1 images turned or mirrored by EXIF do not say whether their boxes")


def test_check_boxes_warns_of_yolo_text_with_turned_images(tmp_path: Path) -> None:
    save_yolo(tmp_path, "0 0.5 0.5 0.5 1\n", orientation=6)
    data, _ = detect(tmp_path, "yolo")
    assert data.splits["train"][0].boxes.tolist() == [[12, 0, 36, 64]]
    assert data.warnings[0].startswith("1 images turned or mirrored by EXIF do not say whether their boxes")


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ((64, 48), "fits"),
        (None, "fits"),
        ((128, 96), "scaled"),
        ((65, 49), "scaled"),
        ((64, 40), None),
        ((48, 64), None),
    ],
)
def test_find_placement_of_an_upright_image(written: tuple[float, float] | None, kind: str | None) -> None:
    found = find_placement(UprightSize(64, 48), written)
    assert (found and found.kind) == kind


@pytest.mark.parametrize("orientation", range(5, 9))
def test_read_mask_files_turns_a_mask_of_the_size_as_stored(tmp_path: Path, orientation: int) -> None:
    save_image(tmp_path / "images" / "a.jpg", orientation=orientation)
    mask = np.zeros((48, 64), dtype=np.uint8)
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 1
    save_mask(tmp_path / "masks" / "a.png", mask)
    assert bounds(Image.fromarray(only_mask(tmp_path))) == bounds(turned_by_pillow(orientation))


def test_read_mask_files_leaves_a_mask_of_the_upright_size(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "a.jpg", orientation=6)
    mask = np.tile(np.arange(2, dtype=np.uint8).repeat(24), (64, 1))
    save_mask(tmp_path / "masks" / "a.png", mask)
    assert np.array_equal(only_mask(tmp_path), mask)


def test_read_mask_files_warns_if_the_size_does_not_tell(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "a.jpg", orientation=3)
    save_mask(tmp_path / "masks" / "a.png", np.arange(48)[:, None].repeat(64, 1) // 24)
    data, _ = segment(tmp_path)
    assert data.warnings[0].startswith("1 images are turned or mirrored by EXIF")


@pytest.mark.parametrize("orientation", range(5, 9))
def test_read_coco_masks_turns_polygons_drawn_on_the_image_as_stored(tmp_path: Path, orientation: int) -> None:
    x1, y1, x2, y2 = BOX
    polygon = [x1, y1, x2, y1, x2, y2, x1, y2]
    save_coco(tmp_path, [coco_box([0, 0, 1, 1], segmentation=[polygon])], orientation)
    assert bounds(Image.fromarray(only_mask(tmp_path, "coco"))) == bounds(turned_by_pillow(orientation))
