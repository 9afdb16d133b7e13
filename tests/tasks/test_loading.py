"""Boxes and masks as arrays to train on: one size, shares of the image, splits by seed, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nas.design.size import Size
from nas.errors import InvalidData
from nas.nets.data.reading.names import SplitName
from nas.nets.data.reading.picture import BROKEN
from nas.nets.data.reading.source import SplitArrays
from nas.tasks import loading
from nas.tasks.detection.sample import BoxSample
from nas.tasks.loading import LoadedData, complete_splits, load_boxes, load_masks, write_rows
from nas.tasks.recognition import FormatName
from nas.tasks.segmentation.mask_files import BROKEN_MASK
from nas.tasks.segmentation.sample import VOID
from tests.tasks.made import (
    ORIENTATION,
    coco,
    coco_box,
    detect,
    save_mask,
    save_text,
    save_voc,
    segment,
    voc_object,
)

WIDTH, HEIGHT = 64, 48
BOX = (16, 12, 48, 36)  # in quarters of both sides


def save_square(path: Path, box: tuple[int, int, int, int] = BOX, orientation: int = 1, seed: int = 0) -> None:
    """A dark picture whose box is white."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (WIDTH, HEIGHT), (seed, 0, 0))
    image.paste((255, 255, 255), box)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(path, exif=exif)


def polygon(box: tuple[int, int, int, int] = BOX) -> list[float]:
    x1, y1, x2, y2 = box
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def make_coco(root: Path, count: int = 5, split: str = "train", orientation: int = 1) -> None:
    for number in range(count):
        save_square(root / "images" / split / f"{number}.png", orientation=orientation, seed=number)
    listed = [{"id": k, "file_name": f"{k}.png", "width": WIDTH, "height": HEIGHT} for k in range(count)]
    x1, y1, x2, y2 = BOX
    rows = [coco_box([x1, y1, x2 - x1, y2 - y1], 7, k, segmentation=[polygon()]) for k in range(count)]
    save_text(root / "annotations" / f"instances_{split}.json", coco(listed, rows))


def make_voc(root: Path) -> None:
    for number in range(5):
        save_voc(root, str(number), [voc_object("dog", (17, 13, 48, 36))], image=None)  # its pixels count from 1
        save_square(root / "JPEGImages" / f"{number}.jpg", seed=number)


def make_yolo(root: Path, row: str = "1 0.5 0.5 0.5 0.5") -> None:
    for number in range(5):
        save_square(root / "images" / f"{number}.png", seed=number)
        save_text(root / "labels" / f"{number}.txt", row)
    save_text(root / "data.yaml", "names: [cat, dog]\n")


def make_yolo_polygons(root: Path) -> None:
    make_yolo(root, "1 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75")


def make_masks(root: Path, count: int = 5, orientation: int = 1, folder: str = "") -> None:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[12:36, 16:48] = 2
    mask[:, :2] = VOID
    for number in range(count):
        save_square(root / folder / "images" / f"{number}.png", orientation=orientation, seed=number)
        save_mask(root / folder / "masks" / f"{number}.png", mask)


def boxes(root: Path, format: FormatName = "coco", largest: Size | None = 32, seed: int = 0) -> LoadedData:
    data, source = detect(root, format)
    return load_boxes(source, data, largest, seed)


def masks(root: Path, format: FormatName = "masks", largest: Size | None = 32, seed: int = 0) -> LoadedData:
    data, source = segment(root, format)
    return load_masks(source, data, largest, seed)


def bright(part: SplitArrays) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    images = part.images
    assert isinstance(images, np.ndarray)
    return np.asarray(images.min(axis=1) > 127)


@pytest.mark.parametrize(
    ("format", "make", "label"), [("coco", make_coco, 2), ("voc", make_voc, 1), ("yolo", make_yolo, 2)]
)
def test_load_boxes_gives_shares_of_the_image(
    tmp_path: Path, format: FormatName, make: Callable[[Path], None], label: int
) -> None:
    make(tmp_path)
    found, parts = boxes(tmp_path, format, (24, 32))
    assert found.splits == {"train": 3, "val": 1, "test": 1}
    assert found.split_off == ("test", "val")
    assert found.stored_resolution == (30, 40)
    assert found.counts["train"][label - 1] == 3
    for part in parts.values():
        assert part.labels.dtype == np.float32
        row = [0.25, 0.25, 0.75, 0.75, label, 0, WIDTH, HEIGHT]
        np.testing.assert_allclose(part.labels, np.full((len(part.labels), 1, 8), row), atol=1e-6)
        assert part.images.shape == (len(part.labels), 3, 30, 40)
        assert bright(part)[:, 8:22, 10:30].all()  # rows 7 and 22 are half bright
        assert bright(part).mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("format", "make", "label"), [("masks", make_masks, 2), ("coco", make_coco, 2), ("yolo", make_yolo_polygons, 2)]
)
def test_load_masks_gives_masks_that_lie_on_their_images(
    tmp_path: Path, format: FormatName, make: Callable[[Path], None], label: int
) -> None:
    make(tmp_path)
    found, parts = masks(tmp_path, format, 32)
    assert found.stored_resolution == 40
    assert found.splits == {"train": 3, "val": 1, "test": 1}
    for part in parts.values():
        assert part.labels.dtype == np.uint8
        assert part.labels.shape == (len(part.labels), 40, 40)
        assert ((part.labels == label) == bright(part)).mean() > 0.97
        assert set(np.unique(part.labels)) <= {0, label, VOID}
    assert found.counts["train"][label] == 3


def test_load_masks_keeps_void_and_does_not_count_it(tmp_path: Path) -> None:
    make_masks(tmp_path)
    found, parts = masks(tmp_path, largest=(48, 64))
    assert (parts["val"].labels[:, :, :2] == VOID).all()
    assert found.classes == ("0", "1", "2")
    assert found.counts["train"] == (3, 0, 3)
    assert any("No training image shows: 1." in note for note in found.notes)


@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_load_boxes_of_images_that_exif_turns_lie_on_the_upright_image(tmp_path: Path, orientation: int) -> None:
    box = (0, 0, 32, 12)
    for number in range(3):
        save_square(tmp_path / "images" / "train" / f"{number}.png", box, orientation)
    listed = [{"id": k, "file_name": f"{k}.png", "width": WIDTH, "height": HEIGHT} for k in range(3)]
    rows = [coco_box([0, 0, 32, 12], image=k) for k in range(3)]
    save_text(tmp_path / "annotations" / "instances_train.json", coco(listed, rows))
    _, parts = boxes(tmp_path, "coco", 32)
    [[row]] = parts["val"].labels
    left, top, right, bottom = (row[:4] * 40).round().astype(int)
    expected = np.zeros((40, 40), dtype=bool)
    expected[top:bottom, left:right] = True
    assert np.array_equal(bright(parts["val"])[0], expected)
    assert expected.any()


@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_load_masks_of_images_that_exif_turns_lie_on_the_upright_image(tmp_path: Path, orientation: int) -> None:
    box = (0, 0, 32, 12)
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[:12, :32] = 1
    for number in range(3):
        save_square(tmp_path / "images" / f"{number}.png", box, orientation)
        save_mask(tmp_path / "masks" / f"{number}.png", mask)
    _, parts = masks(tmp_path, largest=(32, 32))
    assert np.array_equal(parts["val"].labels[0] == 1, bright(parts["val"])[0])
    assert parts["val"].labels.any()


def sample(count: int = 0) -> BoxSample:
    return BoxSample(
        path="a.png",
        size=(200, 100),
        boxes=np.array([[0, 0, 200, 100], [20, 10, 50, 20], [100, 50, 200, 75]], dtype=np.float32)[:count],
        labels=np.array([0, 4, 1])[:count],
        crowd=np.array([False, True, False])[:count],
        difficult=np.array([False, False, True])[:count],
        truncated=np.array([True, False, False])[:count],
    )


def test_write_rows_says_classes_ignored_objects_and_the_size() -> None:
    expected = [
        [0, 0, 1, 1, 1, 0, 200, 100],
        [0.1, 0.1, 0.25, 0.2, 5, 1, 200, 100],
        [0.5, 0.5, 1, 0.75, 2, 1, 200, 100],
        [0, 0, 0, 0, -1, 0, 200, 100],
    ]
    np.testing.assert_allclose(write_rows(sample(3), 4), np.array(expected), rtol=1e-6)
    assert write_rows(sample(), 1).tolist() == [expected[3]]


def test_load_boxes_counts_images_that_show_a_class_and_makes_room_for_the_most_objects(tmp_path: Path) -> None:
    make_yolo(tmp_path)
    save_text(tmp_path / "labels" / "0.txt", "0 0.5 0.5 0.5 0.5\n0 0.2 0.2 0.1 0.1\n1 0.5 0.5 0.1 0.1\n")
    save_text(tmp_path / "labels" / "1.txt", "")
    found, parts = boxes(tmp_path, "yolo")
    assert {part.labels.shape[1:] for part in parts.values()} == {(3, 8)}
    assert np.sum([found.counts[split] for split in found.counts], axis=0).tolist() == [1, 4]
    assert sum(found.splits.values()) == 5
    everything = np.concatenate([part.labels for part in parts.values()])
    assert sorted((everything[:, :, 4] > 0).sum(axis=1).tolist()) == [0, 1, 1, 1, 3]


@given(st.integers(3, 60), st.integers(0, 2**70), st.booleans(), st.booleans())
def test_complete_splits_puts_each_image_into_one_split(count: int, seed: int, val: bool, test: bool) -> None:
    splits: dict[SplitName, list[str]] = {"train": [f"{k}" for k in range(count)]}
    splits |= {"val": ["v"]} if val else {}
    splits |= {"test": ["t"]} if test else {}
    parts, made = complete_splits(splits, seed)
    assert set(made) == {"train", "val", "test"} - set(splits)
    assert list(parts) == ["train", "val", "test"]
    assert all(parts.values())
    assert sorted(one for part in parts.values() for one in part) == sorted(
        one for part in splits.values() for one in part
    )
    share = 0.2 if len(made) == 2 else 0.1
    for split in made:
        assert abs(len(parts[split]) - share * count) <= 1


def test_complete_splits_depends_on_the_seed_alone() -> None:
    splits: dict[SplitName, range] = {"train": range(40)}
    one, same, other = (complete_splits(splits, seed)[0] for seed in (1, 1, 2))
    assert one == same
    assert one["val"] != other["val"]


def test_load_boxes_keeps_the_splits_of_the_source(tmp_path: Path) -> None:
    make_coco(tmp_path, 12)
    make_coco(tmp_path, 4, "val")
    found, parts = boxes(tmp_path)
    assert found.splits == {"train": 11, "val": 4, "test": 1}
    assert found.split_off == ("test",)
    assert all(name.startswith("images/val/") for name in parts["val"].names)
    assert "There is no test split: 1 test images were split off training, by seed 0." in found.notes


def test_load_boxes_notes_copies_across_splits(tmp_path: Path) -> None:
    make_coco(tmp_path, 9)
    make_coco(tmp_path, 2, "val")  # the same two pictures again
    found, _ = boxes(tmp_path)
    assert any("val images are exact copies of training images" in note for note in found.notes)


def test_load_boxes_stores_what_a_network_needs_and_says_what_is_lost(tmp_path: Path) -> None:
    make_coco(tmp_path)
    small, _ = boxes(tmp_path, largest=16)
    assert small.stored_resolution == 20
    assert "Images of 48x64 px (the median) are stretched to 20x20 px: finer detail is lost." in small.notes
    large, _ = boxes(tmp_path, largest=(96, 128))
    assert large.stored_resolution == (96, 128)
    assert "Images of 48x64 px (the median) are stretched to 96x128 px." in large.notes
    same, _ = boxes(tmp_path, largest=(48, 64))
    assert not any("stretched" in note for note in same.notes)
    usual, _ = boxes(tmp_path, largest=None)
    assert usual.stored_resolution == 256
    assert usual.sides == (48, 48, 48)


def test_load_masks_of_images_with_more_than_8_bits_uses_the_whole_range(tmp_path: Path) -> None:
    make_masks(tmp_path)
    for number in range(5):
        ramp = np.linspace(0, 4095, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
        Image.fromarray(ramp).save(tmp_path / "images" / f"{number}.png")
    found, parts = masks(tmp_path, largest=(48, 64))
    assert np.asarray(parts["train"].images).max() == 255
    assert any("5 images have more than 8 bits: values 0 to 4095 become 0 to 255" in note for note in found.notes)


def test_load_masks_leaves_out_images_and_masks_that_cannot_be_decoded(tmp_path: Path) -> None:
    make_masks(tmp_path, 8)
    for path in (tmp_path / "images" / "0.png", tmp_path / "masks" / "1.png"):
        path.write_bytes(path.read_bytes()[:-30])
    found, _ = masks(tmp_path, seed=3)
    assert sum(found.splits.values()) == 6
    assert {row.reason: (row.count, row.examples) for row in found.left_out} == {
        BROKEN: (1, ("images/0.png",)),
        BROKEN_MASK: (1, ("masks/1.png",)),
    }


def test_load_boxes_refuses_data_without_training_images(tmp_path: Path) -> None:
    make_coco(tmp_path, 4, "val")
    with pytest.raises(InvalidData, match=r"holds no images to train on, but 4 val images. Put images and annotations"):
        boxes(tmp_path)


def test_load_boxes_refuses_two_training_images(tmp_path: Path) -> None:
    make_coco(tmp_path, 2)
    with pytest.raises(InvalidData, match="holds 2 images to train on, but 3 are the least"):
        boxes(tmp_path)


def test_load_boxes_refuses_data_without_boxes(tmp_path: Path) -> None:
    make_coco(tmp_path)
    path = tmp_path / "annotations" / "instances_train.json"
    save_text(path, json.dumps({**json.loads(path.read_text()), "annotations": []}))
    with pytest.raises(InvalidData, match="no training image shows any class: there is nothing to learn"):
        boxes(tmp_path)


def test_load_masks_refuses_a_split_of_which_nothing_can_be_decoded(tmp_path: Path) -> None:
    make_masks(tmp_path, folder="train")
    make_masks(tmp_path, 1, folder="val")
    path = tmp_path / "val" / "images" / "0.png"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InvalidData, match=r"none of 1 val images can be used. Left out: 1 images could not be read"):
        masks(tmp_path)


def test_load_masks_refuses_what_does_not_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_masks(tmp_path)
    each = 4 * 40 * 40  # three channels and the mask
    monkeypatch.setattr(loading, "MOST_IN_MEMORY", 5 * each)
    masks(tmp_path)
    monkeypatch.setattr(loading, "MOST_IN_MEMORY", 5 * each - 1)
    with pytest.raises(InvalidData, match=r"5 images with labels take 0.0 GB at 40 px, .* 4 images fit. Use a smaller"):
        masks(tmp_path)
