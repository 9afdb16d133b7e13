"""Class images and shapes as masks: layouts, void, haze, colours, and what is left out."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nas.errors import InvalidData
from nas.tasks.segmentation.coding import choose_coding
from nas.tasks.segmentation.haze import is_hazy
from nas.tasks.segmentation.inspection import inspect_masks
from nas.tasks.segmentation.mask_files import (
    BROKEN_MASK,
    DEEP,
    HAZY,
    OTHER_MASK_SIZE,
    UNKNOWN_COLOURS,
    UNLISTED_MASK,
)
from nas.tasks.segmentation.pairs import INSTANCES, NO_IMAGE_OF_MASK, NO_MASK, SEVERAL_MASKS
from nas.tasks.segmentation.polygons import BOX_ROW, BROKEN_SHAPE, NO_SHAPE, OTHER_SHAPE_SIZE, TWICE_DRAWN
from nas.tasks.segmentation.sample import VOID
from tests.tasks.made import (
    coco,
    coco_box,
    decoded,
    left_out,
    only_mask,
    save_coco,
    save_image,
    save_mask,
    save_text,
    save_yolo,
    segment,
)


def stripes(*values: int) -> NDArray[np.uint8]:
    """A mask of 64x48 in upright stripes of these values."""
    row = [values[place * len(values) // 64] for place in range(64)]
    return np.array([row] * 48, dtype=np.uint8)


def discs(value: int = 1) -> NDArray[np.uint8]:
    """A mask of 64x48 with a disc of a value on 0."""
    y, x = np.mgrid[:48, :64]
    return np.where((x - 32) ** 2 + (y - 24) ** 2 < 300, value, 0).astype(np.uint8)


@pytest.mark.parametrize(
    ("image", "mask", "split"),
    [
        ("train/a.jpg", "trainannot/a.png", "train"),
        ("val/a.jpg", "val_labels/a.png", "val"),
        ("train/a.jpg", "train_masks/a_mask.gif", "train"),
        ("images/a.jpg", "masks/a.png", "train"),
        ("images/test/a.jpg", "masks/test/a.png", "test"),
        ("test/images/a.jpg", "test/masks/a.png", "test"),
        ("JPEGImages/a.jpg", "SegmentationClass/a.png", "train"),
        ("data/a.jpg", "data/a_mask.png", "train"),
        ("a.jpg", "a_seg.png", "train"),
        ("images/a.jpg", "labels/a_L.png", "train"),
    ],
)
def test_read_mask_files_finds_the_mask_of_an_image(tmp_path: Path, image: str, mask: str, split: str) -> None:
    save_image(tmp_path / image)
    save_mask(tmp_path / mask, stripes(0, 1))
    data, source = segment(tmp_path)
    assert {name: [(one.path, one.mask) for one in part] for name, part in data.splits.items()} == {
        split: [(str(tmp_path / image), str(tmp_path / mask))]
    }
    assert left_out(source) == {}


def test_read_mask_files_reads_splits_from_the_lists_of_segmentation(tmp_path: Path) -> None:
    for name in "abc":
        save_image(tmp_path / "JPEGImages" / f"{name}.jpg")
        save_mask(tmp_path / "SegmentationClass" / f"{name}.png", stripes(0, 1))
    save_mask(tmp_path / "SegmentationObject" / "a.png", stripes(0, 7))
    save_text(tmp_path / "ImageSets" / "Main" / "train.txt", "a\nb\nc\n")
    for split, text in (("train", "a\n"), ("val", "b\n")):
        save_text(tmp_path / "ImageSets" / "Segmentation" / f"{split}.txt", text)
    data, source = segment(tmp_path)
    assert {name: [Path(one.path).name for one in part] for name, part in data.splits.items()} == {
        "train": ["a.jpg"], "val": ["b.jpg"]
    }  # fmt: skip
    assert left_out(source) == {UNLISTED_MASK: 1, INSTANCES: 1}


def test_read_mask_files_takes_numbers_of_a_palette_not_its_colours(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "a.jpg")
    image = Image.fromarray(stripes(0, 1, 2, 255))
    image.putpalette([17 * k % 256 for k in range(768)])
    (tmp_path / "masks").mkdir()
    image.save(tmp_path / "masks" / "a.png")
    with Image.open(tmp_path / "masks" / "a.png") as saved:
        assert saved.mode == "P"
    assert np.array_equal(only_mask(tmp_path), stripes(0, 1, 2, VOID))


def test_read_mask_files_leaves_out_what_is_wrong_with_its_reason(tmp_path: Path) -> None:
    for name in ("good", "small", "broken", "twice", "deep", "bare"):
        save_image(tmp_path / "images" / f"{name}.jpg")
    masks = tmp_path / "masks"
    save_mask(masks / "good.png", stripes(0, 1))
    save_mask(masks / "small.png", stripes(0, 1)[:24, :32])
    save_text(masks / "broken.png", "no picture")
    save_mask(masks / "twice.png", stripes(0, 1))
    save_mask(masks / "twice.bmp", stripes(0, 1))
    Image.fromarray(np.full((48, 64), 3000, dtype=np.uint16)).save(masks / "deep.png")
    save_mask(masks / "lost.png", stripes(0, 1))
    data, source = segment(tmp_path)
    inspect_masks(data, source.left_out)
    assert left_out(source) == {
        OTHER_MASK_SIZE: 1, BROKEN_MASK: 1, SEVERAL_MASKS: 1, DEEP: 1, NO_MASK: 1, NO_IMAGE_OF_MASK: 1
    }  # fmt: skip


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_read_mask_files_leaves_out_masks_with_haze(tmp_path: Path, ending: str) -> None:
    """One mask is as it should be, the other is enlarged with interpolation or saved as JPEG."""
    for name in "ab":
        save_image(tmp_path / "images" / f"{name}.jpg")
    save_mask(tmp_path / "masks" / "a.png", discs())
    small = Image.fromarray(discs(200)).resize((16, 12), Image.Resampling.NEAREST)
    small.resize((64, 48), Image.Resampling.BILINEAR).save(tmp_path / "masks" / f"b{ending}")
    data, source = segment(tmp_path)
    found = inspect_masks(data, source.left_out)
    assert left_out(source) == {HAZY: 1}
    assert (found.splits, found.classes) == ({"train": 1}, ("0", "1"))
    assert found.warnings[0].startswith("1 of 2 masks have values between classes at the edges")


def test_read_mask_files_says_what_to_do_if_all_masks_have_haze(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "a.jpg")
    (tmp_path / "masks").mkdir()
    Image.fromarray(discs(200)).save(tmp_path / "masks" / "a.jpg")
    with pytest.raises(InvalidData, match="Save masks as PNG, and resize them without interpolation"):
        segment(tmp_path)


@pytest.mark.parametrize("filter", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC])
@pytest.mark.parametrize("size", [(48, 36), (200, 150)])
def test_is_hazy_tells_interpolated_masks_from_others(filter: Image.Resampling, size: tuple[int, int]) -> None:
    image = Image.fromarray(discs(200))
    assert is_hazy(np.asarray(image.resize(size, filter)))
    assert not is_hazy(np.asarray(image.resize(size, Image.Resampling.NEAREST)))


def test_is_hazy_takes_many_classes_side_by_side_as_they_are() -> None:
    assert not is_hazy(np.random.default_rng(0).integers(0, 12, (12, 16)).astype(np.uint8).repeat(4, 0).repeat(4, 1))


def test_is_hazy_takes_contours_of_one_pixel_as_they_are() -> None:
    """Background 0, contour 1 and inside 2: every edge goes up in two steps, over one value."""
    inside = discs()
    grown = np.maximum.reduce([np.roll(inside, shift, 1) for shift in (-1, 0, 1)])
    assert not is_hazy(inside + grown)


def counts(**pixels: int) -> NDArray[np.int64]:
    found = np.zeros(256, dtype=np.int64)
    for value, count in pixels.items():
        found[int(value[1:])] = count
    return found


@pytest.mark.parametrize(
    ("pixels", "names", "void", "numbers", "classes"),
    [
        ({"v0": 9, "v1": 9, "v255": 1}, (), None, {0: 0, 1: 1, 255: VOID}, ("0", "1")),
        ({"v0": 9, "v255": 9}, (), None, {0: 0, 255: 1}, ("background", "foreground")),
        ({"v0": 9, "v255": 9}, ("skin", "mole"), None, {0: 0, 255: 1}, ("skin", "mole")),
        ({"v0": 9, "v255": 9}, (), 255, {0: 0, 255: VOID}, ("0",)),
        ({"v0": 9, "v2": 9, "v3": 9}, (), 3, {0: 0, 1: 1, 2: 2, 3: VOID}, ("0", "1", "2")),
        ({"v1": 9, "v2": 9}, (), 0, {0: VOID, 1: 0, 2: 1}, ("1", "2")),
        ({"v1": 9, "v2": 9, "v3": 9}, (), None, {1: 0, 2: 1, 3: 2, 255: VOID}, ("1", "2", "3")),
        ({"v7": 9, "v26": 9, "v90": 9}, (), None, {7: 0, 26: 1, 90: 2, 255: VOID}, ("7", "26", "90")),
        ({"v0": 9, "v2": 9}, ("a", "b", "c"), None, {0: 0, 1: 1, 2: 2, 255: VOID}, ("a", "b", "c")),
        ({"v0": 9, "v1": 9}, ("Void", "b", "c"), None, {0: VOID, 1: 0, 2: 1, 255: VOID}, ("b", "c")),
        ({"v0": 9, "v1": 9, "v2": 9}, ("a", "b", "c"), 2, {0: 0, 1: 1, 2: VOID}, ("a", "b")),
    ],
)
def test_choose_coding_numbers_classes_and_finds_void(
    pixels: dict[str, int], names: tuple[str, ...], void: int | None, numbers: dict[int, int], classes: tuple[str, ...]
) -> None:
    coding = choose_coding(counts(**pixels), names, void)
    assert (dict(coding.numbers), coding.classes) == (numbers, classes)


@pytest.mark.parametrize(
    ("pixels", "names", "message"),
    [
        ({"v1": 9, "v2": 9}, ("a", "b"), "2 classes are named, 0 to 1. They seem to count from 1: 0 never occurs"),
        ({"v0": 9, "v2": 9}, ("a", "b"), "Name every value, or say which one is void: --void 2"),
        ({"v255": 9}, (), "all pixels of the masks are 255, which is void"),
    ],
)
def test_choose_coding_refuses_values_without_a_name(
    pixels: dict[str, int], names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InvalidData, match=message):
        choose_coding(counts(**pixels), names, None)


def test_choose_coding_says_which_value_may_be_void() -> None:
    """As CamVid has it: eleven classes, and 11 for void."""
    notes = choose_coding(counts(v0=50, v1=45, v2=5), (), None).notes
    assert notes[0] == "No pixel is 255, so none is void. If 2 (5.0% of the pixels) means void, say --void 2."


ROAD, SKY, NOTHING = (128, 64, 128), (70, 130, 180), (0, 0, 0)


def colours(*stripe: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.array(stripe, dtype=np.uint8)[stripes(*range(len(stripe)))]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("class_dict.csv", "name,r,g,b\nroad,128,64,128\nsky,70,130,180\nVoid,0,0,0\n"),
        ("label_colors.txt", "128 64 128\troad\n70 130 180\tsky\n0 0 0\tvoid\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nroad:128,64,128::\nsky:70,130,180::\nignore:0,0,0::\n"),
    ],
)
def test_read_mask_files_reads_colours_by_a_palette_file(tmp_path: Path, file: str, text: str) -> None:
    for name, image in (("a", colours(SKY, ROAD, NOTHING)), ("b", colours(SKY, (1, 2, 3)))):
        save_image(tmp_path / "images" / f"{name}.jpg")
        save_mask(tmp_path / "masks" / f"{name}.png", image)
    save_text(tmp_path / file, text)
    data, source = segment(tmp_path)
    found = inspect_masks(data, source.left_out)
    assert data.classes == ("road", "sky")
    assert np.array_equal(decoded(data.splits["train"][0]), stripes(1, 0, VOID))
    assert left_out(source) == {UNKNOWN_COLOURS: 1}
    assert found.void["train"] == pytest.approx(21 / 64)


def test_read_mask_files_reads_a_black_mask_among_coloured_ones_by_its_colour(tmp_path: Path) -> None:
    """Its three channels are equal, as those of a class image are."""
    for name, image in (("a", colours(SKY)), ("b", colours(ROAD)), ("c", colours(NOTHING))):
        save_image(tmp_path / "images" / f"{name}.jpg")
        save_mask(tmp_path / "masks" / f"{name}.png", image)
    save_text(tmp_path / "class_dict.csv", "void,0,0,0\nroad,128,64,128\nsky,70,130,180\n")
    data, _ = segment(tmp_path)
    assert [int(decoded(one)[0, 0]) for one in data.splits["train"]] == [1, 0, VOID]


def test_read_mask_files_lists_colours_if_nothing_names_them(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "a.jpg")
    save_mask(tmp_path / "masks" / "a.png", colours(SKY, SKY, ROAD))
    with pytest.raises(InvalidData, match=r"frequent are \(70, 130, 180\), \(128, 64, 128\). Write class_dict.csv"):
        segment(tmp_path)


def test_inspect_masks_counts_pixels_and_images(tmp_path: Path) -> None:
    for name, mask in (("train/a", stripes(0, 1)), ("train/b", stripes(0, 255)), ("val/c", stripes(1, 1))):
        split, stem = name.split("/")
        save_image(tmp_path / split / f"{stem}.jpg")
        save_mask(tmp_path / f"{split}annot" / f"{stem}.png", mask)
    data, source = segment(tmp_path)
    found = inspect_masks(data, source.left_out)
    half = 32 * 48
    assert found.counts == {"train": (2 * half, half), "val": (0, 2 * half)}
    assert found.images_with == {"train": (2, 1), "val": (0, 1)}
    assert found.void == {"train": 0.25, "val": 0}
    assert found.splits == {"train": 2, "val": 1}
    assert "There is no test split." in found.notes
    assert "No val image shows: 0." in found.warnings


SQUARE = [8.0, 8.0, 24.0, 8.0, 24.0, 24.0, 8.0, 24.0]


def test_read_coco_masks_draws_classes_with_background_and_void(tmp_path: Path) -> None:
    crowd = {"size": [48, 64], "counts": [64 * 48 - 48, 48]}  # the last column
    annotations = [
        coco_box([0, 0, 1, 1], 3, segmentation=[SQUARE]),
        coco_box([0, 0, 1, 1], 7, segmentation=[[x + 8 for x in SQUARE]]),
        coco_box([0, 0, 1, 1], 7, segmentation=crowd, iscrowd=1),
    ]
    save_coco(tmp_path, annotations)
    expected = np.zeros((48, 64), dtype=np.uint8)
    expected[8:24, 8:24] = 1
    expected[16:32, 16:32] = 2
    expected[16:24, 16:24] = VOID
    expected[:, 63] = VOID
    assert np.array_equal(only_mask(tmp_path, "coco"), expected)
    assert segment(tmp_path, "coco")[0].classes == ("background", "cat", "dog")


@pytest.mark.parametrize(
    "shape",
    [
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5, 6, 7]],
        [[1, 2, 3, 4, 5, None]],
        [["1"] * 6],
        [SQUARE, 5],
        {"size": [48, 64], "counts": [5]},
        {"size": [64, 48], "counts": [64 * 48]},
        {"size": [48, 64], "counts": "~"},
        {"size": [10**9, 10**9], "counts": [10**18]},
        {"counts": "61X13"},
        "polygon",
        7,
    ],
)
def test_read_coco_masks_leaves_out_broken_shapes(tmp_path: Path, shape: object) -> None:
    save_coco(tmp_path, [coco_box([0, 0, 1, 1], segmentation=shape), coco_box([0, 0, 1, 1], segmentation=[])])
    data, source = segment(tmp_path, "coco")
    assert not decoded(data.splits["train"][0]).any()
    assert left_out(source) == {BROKEN_SHAPE: 1, NO_SHAPE: 1}


def test_read_coco_masks_scales_polygons_of_a_larger_image(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([0, 0, 1, 1], segmentation=[[10 * x for x in SQUARE]])], width=640, height=480)
    assert only_mask(tmp_path, "coco").sum() == 16 * 16


def test_read_yolo_masks_draws_polygons_and_leaves_boxes_out(tmp_path: Path) -> None:
    save_yolo(tmp_path, "1 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n0 0.5 0.5 0.1 0.1\n")
    data, source = segment(tmp_path, "yolo")
    mask = decoded(data.splits["train"][0])
    expected = np.zeros((48, 64), dtype=np.uint8)
    expected[12:36, 16:48] = 2
    assert np.array_equal(mask, expected)
    assert left_out(source) == {BOX_ROW: 1}


def test_read_segmentation_refuses_void_for_polygons(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([0, 0, 1, 1], segmentation=[SQUARE])])
    with pytest.raises(InvalidData, match="--void 3 is for class images"):
        segment(tmp_path, "coco", void=3)


@pytest.mark.parametrize("kind", ["1", "I;16"])
def test_read_mask_files_reads_masks_of_any_depth(tmp_path: Path, kind: str) -> None:
    save_image(tmp_path / "images" / "a.jpg")
    (tmp_path / "masks").mkdir()
    stored = stripes(0, 255) if kind == "1" else stripes(0, 1)
    Image.fromarray(stored).convert(kind).save(tmp_path / "masks" / "a.png")
    assert np.array_equal(only_mask(tmp_path), stripes(0, 1))


def test_read_mask_files_leaves_out_a_mask_with_a_value_that_no_other_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of very many masks only some are looked at to learn the classes."""
    monkeypatch.setattr("nas.tasks.segmentation.mask_files._LOOKED_AT", 1)
    for name, mask in (("a", stripes(0, 1)), ("b", stripes(0, 9))):
        save_image(tmp_path / "images" / f"{name}.jpg")
        save_mask(tmp_path / "masks" / f"{name}.png", mask)
    data, source = segment(tmp_path)
    assert inspect_masks(data, source.left_out).counts == {"train": (32 * 48, 32 * 48)}
    assert left_out(source) == {"masks with a value that is no class": 1}


def test_inspect_masks_counts_some_of_very_many_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.tasks.segmentation.inspection._MOST_DECODED", 2)
    for name in "abcd":
        save_image(tmp_path / "images" / f"{name}.jpg")
        save_mask(tmp_path / "masks" / f"{name}.png", stripes(0, 1))
    data, source = segment(tmp_path)
    found = inspect_masks(data, source.left_out)
    assert found.counts == {"train": (2 * 32 * 48, 2 * 32 * 48)}
    assert "Pixels of 2 of 4 train images were counted, evenly spaced." in found.notes


def test_read_coco_masks_counts_images_of_another_shape_and_listed_twice(tmp_path: Path) -> None:
    for name in "ab":
        save_image(tmp_path / f"{name}.jpg")
    listed = [
        {"id": 1, "file_name": "a.jpg"},
        {"id": 2, "file_name": "a.jpg"},
        {"id": 3, "file_name": "b.jpg", "width": 64, "height": 20},
    ]
    save_text(tmp_path / "train.json", coco(listed, [coco_box([0, 0, 1, 1], segmentation=[SQUARE])]))
    data, source = segment(tmp_path, "coco")
    assert len(data.splits["train"]) == 1
    assert left_out(source) == {TWICE_DRAWN: 1, OTHER_SHAPE_SIZE: 1}


def test_read_coco_masks_warns_if_the_written_size_does_not_tell(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([0, 0, 1, 1], segmentation=[SQUARE])], orientation=3)
    assert segment(tmp_path, "coco")[0].warnings[0].startswith("1 images turned or mirrored by EXIF do not say")


def test_read_yolo_masks_refuses_more_classes_than_a_mask_can_hold(tmp_path: Path) -> None:
    save_yolo(tmp_path, "300 0.1 0.1 0.2 0.1 0.2 0.2\n", names="")
    with pytest.raises(InvalidData, match="has 301 classes, but masks of 254 are read"):
        segment(tmp_path, "yolo")
