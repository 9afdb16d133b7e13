"""YOLO text: rows, names, splits, and the mistakes that nobody sees."""

from pathlib import Path

import pytest

from nas.errors import InvalidData
from nas.tasks.yolo import (
    BAD_CLASS,
    BAD_ROW,
    BEYOND_NAMES,
    IN_NO_SPLIT,
    IN_PIXELS,
    NO_IMAGE_OF_TEXT,
    SCORED_ROW,
    SEVERAL,
)
from tests.tasks.made import detect, left_out, only_sample, save_image, save_text, save_yolo

LAUGHS = "".join(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]\n" for k in range(1, 31))  # a billion texts, if written out


def test_read_yolo_boxes_turns_shares_into_pixels(tmp_path: Path) -> None:
    save_yolo(tmp_path, "1 0.5 0.5 0.25 0.5\n\n0 0.5 0.5 1 1\n")
    sample = only_sample(tmp_path, "yolo")
    assert sample.boxes.tolist() == [[24, 12, 40, 36], [0, 0, 64, 48]]
    assert sample.labels.tolist() == [1, 0]


def test_read_yolo_boxes_takes_the_bounds_of_polygons(tmp_path: Path) -> None:
    save_yolo(tmp_path, "0 0.25 0.5 0.5 0.25 0.75 0.5\n")
    data, _ = detect(tmp_path, "yolo")
    assert data.splits["train"][0].boxes.tolist() == [[16, 12, 48, 24]]
    assert "1 rows are polygons; their boxes are the bounds." in data.notes


def test_read_yolo_boxes_cuts_key_points_off(tmp_path: Path) -> None:
    save_yolo(tmp_path, "0 0.5 0.5 0.5 0.5 0.1 0.1 2 0.9 0.9 2\n", "names: [cat]\nkpt_shape: [2, 3]\n")
    assert only_sample(tmp_path, "yolo").boxes.tolist() == [[16, 12, 48, 36]]


def test_read_yolo_leaves_out_what_is_wrong_with_its_reason(tmp_path: Path) -> None:
    rows = (
        "0 0.5 0.5 0.1 0.1",
        "0 0.5 0.5 0.1",
        "cat 0.5 0.5 0.1 0.1",
        "0 0.5 0.5 0.1 nan",
        "0 0.5 0.5 0.1 0.1 0.97",
        "-1 0.5 0.5 0.1 0.1",
        "0.5 0.5 0.5 0.1 0.1",
        "2 0.5 0.5 0.1 0.1",
        "0 32 24 10 10",
    )
    save_yolo(tmp_path, "\n".join(rows))
    save_text(tmp_path / "labels" / "train" / "lost.txt", "0 0.5 0.5 0.1 0.1")
    data, source = detect(tmp_path, "yolo")
    assert len(data.splits["train"][0].labels) == 1
    assert left_out(source) == {
        BAD_ROW: 3, SCORED_ROW: 1, BAD_CLASS: 2, BEYOND_NAMES: 1, IN_PIXELS: 1, NO_IMAGE_OF_TEXT: 1
    }  # fmt: skip


def test_read_yolo_warns_of_pixels(tmp_path: Path) -> None:
    save_yolo(tmp_path, "0 32 24 10 10\n0 12 14 10 10\n0 0.5 0.5 0.1 0.1\n")
    data, _ = detect(tmp_path, "yolo")
    assert data.warnings[0].startswith("2 of 3 rows have coordinates above 2: they are probably pixels")


def test_read_yolo_warns_of_classes_that_count_from_one(tmp_path: Path) -> None:
    save_yolo(tmp_path, "1 0.5 0.5 0.1 0.1\n2 0.5 0.5 0.1 0.1\n")
    data, _ = detect(tmp_path, "yolo")
    assert data.warnings[0].startswith("Class numbers run from 1 to 2 and 0 never occurs, but there are 2 names")


def test_read_yolo_does_not_warn_of_a_class_that_is_missing(tmp_path: Path) -> None:
    save_yolo(tmp_path, "1 0.5 0.5 0.1 0.1\n")
    assert detect(tmp_path, "yolo")[0].warnings == ()


def test_read_yolo_keeps_images_without_labels_as_background(tmp_path: Path) -> None:
    save_yolo(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    save_image(tmp_path / "images" / "train" / "empty.jpg")
    data, source = detect(tmp_path, "yolo")
    assert [len(one.labels) for one in data.splits["train"]] == [1, 0]
    assert "1 images have no label file: nothing is on them, as YOLO takes it." in data.notes
    assert left_out(source) == {}


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        ("names: [no, 'yes', 1.0]\n", ("no", "yes", "1.0")),
        ("names:\n  0: no\n  1: on\n", ("no", "on")),
        ("", ("0", "1")),
    ],
)
def test_read_yolo_settings_takes_names_as_they_are_written(
    tmp_path: Path, names: str, classes: tuple[str, ...]
) -> None:
    """YAML's own reading makes False of the class `no`."""
    save_yolo(tmp_path, "1 0.5 0.5 0.1 0.1\n", names)
    assert detect(tmp_path, "yolo")[0].classes == classes


def test_read_yolo_reads_names_from_classes_txt(tmp_path: Path) -> None:
    save_image(tmp_path / "a.jpg")
    save_text(tmp_path / "a.txt", "1 0.5 0.5 0.1 0.1\n")
    save_text(tmp_path / "classes.txt", "cat\ndog\n\n")
    data, source = detect(tmp_path, "yolo")
    assert data.classes == ("cat", "dog")
    assert left_out(source) == {}


@pytest.mark.parametrize(
    "train", ["../train/images", "train/images", "/kaggle/train/images", "train.txt", "/lost/images"]
)
def test_read_yolo_settings_finds_splits_however_the_path_is_broken(tmp_path: Path, train: str) -> None:
    save_text(tmp_path / "data.yaml", f"names: [cat]\ntrain: {train}\nval: valid/images\n")
    for folder in ("train", "valid", "other"):
        save_image(tmp_path / folder / "images" / "a.jpg")
        save_text(tmp_path / folder / "labels" / "a.txt", "0 0.5 0.5 0.1 0.1\n")
    save_text(tmp_path / "train.txt", "./train/images/a.jpg\n")
    data, source = detect(tmp_path, "yolo")
    found = {split: [one.path for one in part] for split, part in data.splits.items()}
    if train.startswith("/lost"):
        assert found == {"val": [str(tmp_path / "valid" / "images" / "a.jpg")]}
        assert f"data.yaml: train: {train} leads to no image here." in data.notes
        return
    assert found["train"] == [str(tmp_path / "train" / "images" / "a.jpg")]
    assert left_out(source)[IN_NO_SPLIT] == 1


def test_read_yolo_settings_warns_of_a_validation_split_that_is_the_training_split(tmp_path: Path) -> None:
    save_yolo(tmp_path, "0 0.5 0.5 0.1 0.1\n", "names: [cat]\ntrain: images/train\nval: images/train\n")
    data, _ = detect(tmp_path, "yolo")
    assert list(data.splits) == ["train"]
    assert data.warnings[0].startswith("data.yaml: 1 of 1 images of val (images/train) are of another split")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("names: {1: cat, 2: dog}\n", "names has the numbers 1, 2; give 0 to 1"),
        ("names: cat\n", "names is no list of texts"),
        ("names: [[cat]]\n", "names is no list of texts"),
        ("names: [cat\n", "is no proper YAML"),
        ("- names\n", "holds no settings"),
        (f"a0: &a0 [x]\n{LAUGHS}names: *a30\n", "names is no list of texts"),
    ],
)
def test_read_yolo_settings_refuses_what_is_no_list_of_names(tmp_path: Path, settings: str, message: str) -> None:
    save_yolo(tmp_path, "0 0.5 0.5 0.1 0.1\n", settings)
    with pytest.raises(InvalidData, match=message):
        detect(tmp_path, "yolo")


def test_read_yolo_settings_runs_nothing_that_yaml_asks_for(tmp_path: Path) -> None:
    save_yolo(tmp_path, "0 0.5 0.5 0.1 0.1\n", f"names: !!python/object/apply:os.mkdir [{tmp_path / 'made'}]\n")
    assert len(detect(tmp_path, "yolo")[0].classes) == 1
    assert not (tmp_path / "made").exists()


def test_read_yolo_settings_warns_of_another_count(tmp_path: Path) -> None:
    save_yolo(tmp_path, "0 0.5 0.5 0.1 0.1\n", "names: [cat, dog]\nnc: 3\n")
    data, _ = detect(tmp_path, "yolo")
    assert data.warnings == ("data.yaml says nc: 3, but names 2 classes; the names count.",)


def test_read_yolo_leaves_out_two_images_of_one_name(tmp_path: Path) -> None:
    save_yolo(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    for name in ("b.jpg", "b.png"):
        save_image(tmp_path / "images" / "train" / name)
    save_text(tmp_path / "labels" / "train" / "b.txt", "0 0.5 0.5 0.1 0.1\n")
    data, source = detect(tmp_path, "yolo")
    assert len(data.splits["train"]) == 1
    assert left_out(source) == {SEVERAL: 2}


def test_read_yolo_reads_lists_of_images(tmp_path: Path) -> None:
    """As Darknet and CVAT write them."""
    for name in "ab":
        save_image(tmp_path / "obj_train_data" / f"{name}.jpg")
        save_text(tmp_path / "obj_train_data" / f"{name}.txt", "0 0.5 0.5 0.1 0.1\n")
    save_text(tmp_path / "obj.names", "cat\n")
    save_text(tmp_path / "train.txt", "data/obj_train_data/a.jpg\n")
    save_text(tmp_path / "valid.txt", "data/obj_train_data/b.jpg\n")
    data, source = detect(tmp_path, "yolo")
    assert {split: Path(part[0].path).name for split, part in data.splits.items()} == {"train": "a.jpg", "val": "b.jpg"}
    assert left_out(source) == {}
