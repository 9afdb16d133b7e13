"""COCO JSON: boxes, splits, categories, and what is left out."""

from pathlib import Path

import pytest

from nas.errors import InvalidData
from nas.tasks.coco import NOT_THERE, OTHER_FILES, UNKNOWN_CATEGORY, UNKNOWN_IMAGE, UNLISTED
from nas.tasks.detection.checking import EMPTY, INVERTED, OTHER_SIZE, OUTSIDE_IMAGE, TWICE
from nas.tasks.detection.coco_boxes import NO_BOX
from tests.tasks.made import coco, coco_box, detect, left_out, only_sample, save_coco, save_image, save_text


def test_read_coco_boxes_turns_sizes_into_corners_and_ids_into_numbers(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([1.5, 2, 10, 20], 7, iscrowd=1), coco_box([0, 0, 64, 48])])
    sample = only_sample(tmp_path, "coco")
    assert sample.boxes.tolist() == [[1.5, 2, 11.5, 22], [0, 0, 64, 48]]
    assert sample.labels.tolist() == [1, 0]
    assert sample.crowd.tolist() == [True, False]
    assert sample.size == (64, 48)
    data, _ = detect(tmp_path, "coco")
    assert data.classes == ("cat", "dog")
    assert "Category ids run from 3 to 7 with gaps; classes are numbered by their order." in data.notes


def test_read_coco_boxes_leaves_out_what_is_wrong_with_its_reason(tmp_path: Path) -> None:
    wrong = [
        coco_box([10, 10, -3, 4]),
        coco_box([10, 10, 0, 4]),
        coco_box([64, 10, 5, 5]),
        coco_box([-5, 10, 5, 5]),
        coco_box([1, 2, 3]),
        coco_box([1, 1, 3, 3], category=9),
        coco_box([1, 1, 3, 3], image=2),
    ]
    save_coco(tmp_path, [coco_box([60, 40, 10, 20]), *wrong])
    save_image(tmp_path / "images" / "unlisted.jpg")
    data, source = detect(tmp_path, "coco")
    assert data.splits["train"][0].boxes.tolist() == [[60, 40, 64, 48]]
    assert left_out(source) == {
        INVERTED: 1, EMPTY: 1, OUTSIDE_IMAGE: 2, NO_BOX: 1, UNKNOWN_CATEGORY: 1, UNKNOWN_IMAGE: 1, UNLISTED: 1
    }  # fmt: skip
    assert data.notes[-1].startswith("1 boxes over the edge of their image are clipped to it: ")


def test_read_coco_keeps_an_image_without_annotations_as_background(tmp_path: Path) -> None:
    save_image(tmp_path / "b.jpg")
    save_coco(tmp_path, [])
    assert only_sample(tmp_path, "coco").boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("files", "images"),
    [
        (("annotations/instances_train2017.json", "annotations/instances_val2017.json"), ("train2017", "val2017")),
        (("train/_annotations.coco.json", "valid/_annotations.coco.json"), ("train", "valid")),
        (("train.json", "val.json"), ("images/train", "images/val")),
    ],
)
def test_read_coco_finds_splits_and_images_of_equal_names(
    tmp_path: Path, files: tuple[str, str], images: tuple[str, str]
) -> None:
    for place, (file, folder) in enumerate(zip(files, images, strict=True)):
        save_image(tmp_path / folder / "1.jpg", seed=place)
        save_text(tmp_path / file, coco([{"id": 1, "file_name": "1.jpg"}], [coco_box([place, 0, 5, 5])]))
    data, source = detect(tmp_path, "coco")
    found = {split: (part[0].path, part[0].boxes[0, 0]) for split, part in data.splits.items()}
    assert found == {
        "train": (str(tmp_path / images[0] / "1.jpg"), 0),
        "val": (str(tmp_path / images[1] / "1.jpg"), 1),
    }
    assert left_out(source) == {}


def test_read_coco_prefers_instances_to_key_points_of_the_same_split(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([0, 0, 5, 5])])
    other = coco([{"id": 1, "file_name": "a.jpg"}], [coco_box([9, 9, 5, 5])])
    save_text(tmp_path / "annotations" / "person_keypoints_train.json", other)
    data, source = detect(tmp_path, "coco")
    assert data.splits["train"][0].boxes[:, 0].tolist() == [0]
    assert left_out(source) == {OTHER_FILES: 1}


def test_read_coco_counts_images_that_are_not_there(tmp_path: Path) -> None:
    save_image(tmp_path / "a.jpg")
    listed = [{"id": 1, "file_name": "images/a.jpg"}, {"id": 2, "file_name": "lost.jpg"}]
    save_text(tmp_path / "train.json", coco(listed, [coco_box([0, 0, 5, 5])]))
    data, source = detect(tmp_path, "coco")
    assert len(data.splits["train"]) == 1
    assert left_out(source) == {NOT_THERE: 1}


def test_read_coco_refuses_one_id_of_two_images(tmp_path: Path) -> None:
    save_coco(tmp_path, [])
    twice = [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]
    save_text(tmp_path / "annotations" / "instances_train.json", coco(twice, []))
    with pytest.raises(InvalidData, match="lists two images of id 1"):
        detect(tmp_path, "coco")


def test_read_coco_refuses_files_that_name_one_category_differently(tmp_path: Path) -> None:
    save_coco(tmp_path, [])
    save_text(tmp_path / "annotations" / "val.json", coco([], [], categories=[{"id": 3, "name": "horse"}]))
    with pytest.raises(InvalidData, match="calls category 3"):
        detect(tmp_path, "coco")


def test_decode_json_says_where_a_coco_file_is_wrong(tmp_path: Path) -> None:
    save_coco(tmp_path, [{"image_id": 1, "category_id": "cat", "bbox": [0, 0, 1, 1]}])
    with pytest.raises(InvalidData, match=r"instances_train.json: is not .* at `\$.annotations\[0\].category_id`"):
        detect(tmp_path, "coco")


def test_check_boxes_leaves_out_an_image_whose_annotation_has_another_shape(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([0, 0, 5, 5])], width=64, height=30)
    with pytest.raises(InvalidData, match=OTHER_SIZE):
        detect(tmp_path, "coco")


def test_check_boxes_scales_annotations_of_a_larger_image_and_warns(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([20, 40, 40, 60])], width=640, height=480)
    data, _ = detect(tmp_path, "coco")
    assert data.splits["train"][0].boxes.tolist() == [[2, 4, 6, 10]]
    assert data.warnings[0].startswith("1 images have annotations for an image of another size but the same shape")


def test_check_boxes_does_not_scale_boxes_that_the_written_size_cannot_hold(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([20, 20, 40, 20])], width=32, height=24)
    with pytest.raises(InvalidData, match=OTHER_SIZE):
        detect(tmp_path, "coco")


def test_check_boxes_warns_of_images_in_two_splits(tmp_path: Path) -> None:
    save_coco(tmp_path, [coco_box([0, 0, 5, 5])])
    save_text(tmp_path / "annotations" / "instances_val.json", coco([{"id": 1, "file_name": "a.jpg"}], []))
    data, _ = detect(tmp_path, "coco")
    assert data.warnings == ("1 images are in more than one split: images/a.jpg.",)


def test_check_boxes_leaves_out_an_image_that_is_listed_twice(tmp_path: Path) -> None:
    save_coco(tmp_path, [])
    twice = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "a.jpg"}]
    save_text(tmp_path / "annotations" / "instances_train.json", coco(twice, [coco_box([0, 0, 5, 5])]))
    data, source = detect(tmp_path, "coco")
    assert [len(one.labels) for one in data.splits["train"]] == [1]
    assert left_out(source) == {TWICE: 1}
