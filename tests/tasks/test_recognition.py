"""Which task a folder is for, by content; what is ambiguous is asked, what is classification stays it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import InvalidData
from nas.tasks.recognition import TaskName, choose_sign, find_signs
from nas.tasks.source import open_source
from tests.nets.pictures import classes, fill
from tests.tasks.made import (
    coco,
    coco_box,
    save_coco,
    save_image,
    save_mask,
    save_text,
    save_voc,
    save_yolo,
    voc_object,
)
from tests.tasks.test_masks import SQUARE, stripes


def signs(root: Path) -> list[tuple[str, str]]:
    return [(sign.task, sign.format) for sign in find_signs(open_source(str(root)))]


def make_coco(root: Path) -> None:
    save_coco(root, [coco_box([0, 0, 5, 5], segmentation=[])])


def make_coco_shapes(root: Path) -> None:
    save_coco(root, [coco_box([0, 0, 5, 5], segmentation=[SQUARE])])


def make_voc(root: Path) -> None:
    save_voc(root, "a", [voc_object("dog", (1, 1, 9, 9))])


def make_yolo(root: Path) -> None:
    save_yolo(root, "0 0.5 0.5 0.1 0.1\n")


def make_yolo_pixels(root: Path) -> None:
    save_yolo(root, "0 30 30 10 10\n")


def make_yolo_polygons(root: Path) -> None:
    save_yolo(root, "0 0.25 0.5 0.5 0.25 0.75 0.5\n")


def make_masks(root: Path) -> None:
    save_image(root / "train" / "a.jpg")
    save_mask(root / "trainannot" / "a.png", stripes(0, 1))


def make_masks_in_classes(root: Path) -> None:
    """As the breast ultrasound images BUSI come: classes with an image and its mask side by side."""
    for name in ("benign", "malignant"):
        fill(root / name, 1)
        save_mask(root / name / "0_mask.png", stripes(0, 1))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (make_coco, [("detection", "coco")]),
        (make_coco_shapes, [("detection", "coco"), ("segmentation", "coco")]),
        (make_voc, [("detection", "voc")]),
        (make_yolo, [("detection", "yolo")]),
        (make_yolo_pixels, [("detection", "yolo")]),
        (make_yolo_polygons, [("segmentation", "yolo")]),
        (make_masks, [("segmentation", "masks")]),
        (make_masks_in_classes, [("segmentation", "masks")]),
    ],
)
def test_find_signs_recognises_a_format(
    tmp_path: Path, make: Callable[[Path], None], expected: list[tuple[str, str]]
) -> None:
    make(tmp_path)
    assert signs(tmp_path) == expected


def tiny_imagenet(root: Path) -> None:
    for name in ("n01", "n02"):
        fill(root / "train" / name / "images", 2)
        save_text(root / "train" / name / f"{name}_boxes.txt", "0.png\t0\t0\t62\t61\n")
    fill(root / "val" / "images", 2)
    save_text(root / "val" / "val_annotations.txt", "0.png\tn01\t0\t32\t44\t62\n")


def face_masks(root: Path) -> None:
    for name in ("mask", "no_mask"):
        fill(root / name, 3)


def with_metadata(root: Path) -> None:
    classes(root, 3)
    save_text(root / "info.json", '{"images": 6, "classes": ["cat", "dog"]}')
    save_text(root / "cat" / "list.txt", "0.png\n")


def with_one_masked_dog(root: Path) -> None:
    classes(root, 3)
    save_image(root / "dog" / "10000_mask.png")


@pytest.mark.parametrize(
    "make", [lambda root: classes(root, 3), tiny_imagenet, face_masks, with_metadata, with_one_masked_dog]
)
def test_find_signs_sees_nothing_else_in_data_for_classification(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path)
    assert signs(tmp_path) == []
    source = open_source(str(tmp_path))
    assert choose_sign(source, (), None) is None


def test_choose_sign_asks_which_task_is_meant(tmp_path: Path) -> None:
    make_coco_shapes(tmp_path)
    source = open_source(str(tmp_path))
    found = find_signs(source)
    with pytest.raises(
        InvalidData, match=r"detection or segmentation. Say which is meant: boxes in .*: --task detection"
    ):
        choose_sign(source, found, None)
    tasks: tuple[TaskName, ...] = ("detection", "segmentation")
    assert [sign.task for task in tasks if (sign := choose_sign(source, found, task))] == list(tasks)
    assert choose_sign(source, found, "classification") is None


def test_choose_sign_asks_if_annotations_lie_in_class_folders(tmp_path: Path) -> None:
    classes(tmp_path, 3)
    save_text(tmp_path / "cat" / "0.txt", "0 0.5 0.5 0.1 0.1\n")
    source = open_source(str(tmp_path))
    message = r"classification or detection.*folders that may be classes \(cat, dog\): --task classification"
    with pytest.raises(InvalidData, match=message):
        choose_sign(source, find_signs(source), None)


def test_choose_sign_asks_if_a_table_gives_labels_too(tmp_path: Path) -> None:
    make_voc(tmp_path)
    save_text(tmp_path / "labels.csv", "file,label\nJPEGImages/a.jpg,dog\n")
    source = open_source(str(tmp_path))
    message = r"classification or detection.*a table of labels \(labels.csv\): --task classification"
    with pytest.raises(InvalidData, match=message):
        choose_sign(source, find_signs(source), None)


def test_choose_sign_refuses_two_formats_of_one_task(tmp_path: Path) -> None:
    make_voc(tmp_path)
    save_text(tmp_path / "JPEGImages" / "a.txt", "0 0.5 0.5 0.1 0.1\n")
    source = open_source(str(tmp_path))
    with pytest.raises(InvalidData, match=r"Pascal VOC XML .* and boxes in YOLO text. Move away"):
        choose_sign(source, find_signs(source), "detection")


def test_choose_sign_says_what_was_looked_for(tmp_path: Path) -> None:
    make_voc(tmp_path)
    source = open_source(str(tmp_path))
    with pytest.raises(InvalidData, match=r"holds no data for segmentation. Looked for class images in folders"):
        choose_sign(source, find_signs(source), "segmentation")


def test_find_signs_ignores_captions(tmp_path: Path) -> None:
    save_image(tmp_path / "a.jpg")
    text = coco([{"id": 1, "file_name": "a.jpg"}], [{"image_id": 1, "category_id": 3, "caption": "a cat"}])
    save_text(tmp_path / "captions_train2017.json", text)
    assert signs(tmp_path) == []
