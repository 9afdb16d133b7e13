"""Pascal VOC XML: where corners count from, lists of splits, and files that are not to be trusted."""

from pathlib import Path

import pytest

from nas.errors import InvalidData
from nas.tasks.detection.checking import INVERTED, NO_NUMBERS
from nas.tasks.detection.voc import (
    BROKEN_FILE,
    IN_NO_LIST,
    NO_ANNOTATION,
    NO_CORNERS,
    NO_IMAGE,
    NO_NAME,
    NOT_LISTED,
)
from nas.tasks.lists import IN_TWO_LISTS
from tests.tasks.made import detect, left_out, only_sample, save_image, save_text, save_voc, voc_object


def test_read_voc_takes_one_from_the_lower_corners(tmp_path: Path) -> None:
    """A box over the whole image is 1, 1, width, height in Pascal VOC."""
    save_voc(tmp_path, "a", [voc_object("dog", (1, 1, 64, 48)), voc_object("cat", (3, 4, 3, 5))])
    sample = only_sample(tmp_path, "voc")
    assert sample.boxes.tolist() == [[0, 0, 64, 48], [2, 3, 3, 5]]
    assert sample.labels.tolist() == [1, 0]


def test_read_voc_leaves_corners_that_count_from_zero(tmp_path: Path) -> None:
    save_voc(tmp_path, "a", [voc_object("dog", (0, 0, 10, 10)), voc_object("dog", (1, 5, 20, 20))])
    data, _ = detect(tmp_path, "voc")
    assert data.splits["train"][0].boxes.tolist() == [[0, 0, 10, 10], [1, 5, 20, 20]]
    assert data.notes[0].startswith("2 of xmin and ymin are 0 and 1 are 1, so corners count from 0")


def test_read_voc_keeps_difficult_and_truncated(tmp_path: Path) -> None:
    flags = "<truncated>1</truncated><difficult>1</difficult>"
    save_voc(tmp_path, "a", [voc_object("dog", (1, 1, 9, 9), flags), voc_object("dog", (2, 2, 9, 9))])
    sample = only_sample(tmp_path, "voc")
    assert sample.difficult.tolist() == sample.truncated.tolist() == [True, False]


def test_read_voc_reads_splits_from_the_lists(tmp_path: Path) -> None:
    for stem in "abcd":
        save_voc(tmp_path, stem, [voc_object("dog", (1, 1, 9, 9))])
    lists = tmp_path / "ImageSets" / "Main"
    for name, text in (("train", "a\nc\n"), ("val", "b\na\n"), ("trainval", "a\nb\n"), ("dog_train", "d 1\n")):
        save_text(lists / f"{name}.txt", text)
    save_text(lists / "test.txt", "lost\n")
    data, source = detect(tmp_path, "voc")
    assert {split: [Path(one.path).stem for one in part] for split, part in data.splits.items()} == {
        "train": ["c"], "val": ["a", "b"]
    }  # fmt: skip
    assert left_out(source) == {IN_TWO_LISTS: 1, IN_NO_LIST: 1, NOT_LISTED: 1}


def test_read_voc_finds_files_that_lie_beside_their_images(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        save_image(tmp_path / split / "a.jpg")
        text = f"<annotation><filename>other.jpg</filename>{voc_object('dog', (1, 1, 9, 9))}</annotation>"
        save_text(tmp_path / split / "a.xml", text)
    data, _ = detect(tmp_path, "voc")
    assert {split: part[0].path for split, part in data.splits.items()} == {
        "train": str(tmp_path / "train" / "a.jpg"),
        "val": str(tmp_path / "valid" / "a.jpg"),
    }


def test_read_voc_uses_the_written_name_if_no_image_is_called_like_the_file(tmp_path: Path) -> None:
    save_image(tmp_path / "photos" / "Façade.JPG".replace("JPG", "jpg"))
    text = f"<annotation><filename>Façade.JPG</filename>{voc_object('dog', (1, 1, 9, 9))}</annotation>"
    save_text(tmp_path / "xml" / "0001.xml", text)
    assert Path(only_sample(tmp_path, "voc").path).name == "Façade.jpg"


def test_read_voc_leaves_out_what_is_wrong_with_its_reason(tmp_path: Path) -> None:
    objects = [
        voc_object("dog", (1, 1, 9, 9)),
        voc_object("", (1, 1, 9, 9)),
        voc_object("dog", (9, 1, 3, 9)),
        voc_object("dog", ("nan", 1, 3, 9)),
        voc_object("dog", ("wide", 1, 3, 9)),
        "<object><name>dog</name></object>",
    ]
    save_voc(tmp_path, "a", objects)
    save_voc(tmp_path, "b", [], image=None)
    save_text(tmp_path / "Annotations" / "c.xml", "<annotation>")
    save_text(tmp_path / "Annotations" / "d.xml", "<html></html>")
    save_image(tmp_path / "JPEGImages" / "e.jpg")
    data, source = detect(tmp_path, "voc")
    assert len(data.splits["train"][0].labels) == 1
    assert left_out(source) == {
        NO_NAME: 1, INVERTED: 1, NO_NUMBERS: 2, NO_CORNERS: 1, NO_IMAGE: 1, BROKEN_FILE: 2, NO_ANNOTATION: 1
    }  # fmt: skip


def test_read_voc_takes_boxes_as_they_are_if_the_file_says_no_size(tmp_path: Path) -> None:
    save_voc(tmp_path, "a", [voc_object("dog", (1, 1, 9, 9))], size=(0, 0))
    assert only_sample(tmp_path, "voc").boxes.tolist() == [[0, 0, 9, 9]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_read_voc_refuses_document_types(tmp_path: Path, encoding: str) -> None:
    """Entities of entities fill the memory: a file of 1 KB becomes 3 GB."""
    save_voc(tmp_path, "a", [voc_object("dog", (1, 1, 9, 9))])
    entities = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [<!ENTITY l0 "ha">{entities}]>'
    laughs = f"{text}<annotation><filename>&l9;</filename></annotation>"
    (tmp_path / "Annotations" / "b.xml").write_bytes(laughs.encode(encoding))
    _, source = detect(tmp_path, "voc")
    assert left_out(source) == {BROKEN_FILE: 1}


def test_read_voc_refuses_a_folder_without_a_single_box(tmp_path: Path) -> None:
    save_voc(tmp_path, "a", [])
    with pytest.raises(InvalidData, match="no Pascal VOC file there has both an image and an object"):
        detect(tmp_path, "voc")
