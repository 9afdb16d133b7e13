"""Annotation files as such: sizes, depths and texts that are not to be trusted."""

from pathlib import Path

import pytest

from nas.errors import InvalidData
from nas.tasks import documents
from nas.tasks.documents import load_yaml, mentions, parse_xml, read_lines
from nas.tasks.folder_names import key_of, split_in_name
from nas.tasks.source import open_source
from tests.tasks.made import save_image, save_text


def test_parse_xml_refuses_elements_that_are_nested_too_deep(tmp_path: Path) -> None:
    path = save_text(tmp_path / "a.xml", "<a>" * 200_000)
    with pytest.raises(InvalidData, match="has more than 100 elements inside each other"):
        parse_xml(str(path))


def test_read_lines_refuses_large_files_and_other_encodings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xff\xfe0\x000\x00")
    with pytest.raises(InvalidData, match="is no text in UTF-8"):
        read_lines(str(path))
    monkeypatch.setattr(documents, "_MOST_TEXT_BYTES", 5)
    with pytest.raises(InvalidData, match="has 6 bytes, but at most 5 are read"):
        read_lines(str(path))


def test_read_lines_takes_a_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfcat\r\ndog\r\n")
    assert read_lines(str(tmp_path / "a.txt")) == ["cat", "dog"]


def test_mentions_is_false_for_what_is_not_there(tmp_path: Path) -> None:
    assert not mentions(str(tmp_path / "lost.json"), b"images")


@pytest.mark.parametrize("text", ["a: [", "? [1]\n: 2\n", "{", "\t"])
def test_load_yaml_refuses_what_is_broken(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidData, match=r"a.yaml: (is no proper YAML|holds no settings)"):
        load_yaml(str(save_text(tmp_path / "a.yaml", text)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("train/images/a.jpg", "train/labels/a.txt"),
        ("JPEGImages/a.jpg", "Annotations/a.xml"),
        ("VOC2012/JPEGImages/a.jpg", "VOC2012/SegmentationClass/a.png"),
        ("val/b/a.jpg", "valannot/b/a.png"),
        ("Train/cafe\u0301.jpg", "train/caf\u00e9.txt"),
    ],
)
def test_key_of_is_the_same_for_what_belongs_together(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("train/a.jpg", "val/a.txt"), ("train/a.jpg", "train/b.txt"), ("train/b/a.jpg", "train/c/a.txt")],
)
def test_key_of_differs_for_what_does_not(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


@pytest.mark.parametrize(
    ("name", "split"),
    [("instances_train2017.json", "train"), ("valid_coco.json", "val"), ("train_test.json", None), ("dogs.json", None)],
)
def test_split_in_name_reads_words(name: str, split: str | None) -> None:
    assert split_in_name(name) == split


def test_source_takes_files_without_an_ending_by_their_content(tmp_path: Path) -> None:
    save_image(tmp_path / "a.jpg").rename(tmp_path / "a")
    save_text(tmp_path / "LICENSE", "MIT")
    assert open_source(str(tmp_path)).pictures.paths == (str(tmp_path / "a"),)


def test_file_index_finds_the_file_that_shares_most_of_a_written_path(tmp_path: Path) -> None:
    for folder in ("one/x", "two/x", "train"):
        save_image(tmp_path / folder / "a.jpg")
    pictures, root = open_source(str(tmp_path)).pictures, str(tmp_path)
    assert pictures.named("x/a.jpg", root, None) is None  # two files share as much
    assert pictures.named("C:\\data\\two\\x\\a.jpg", root, None) == str(tmp_path / "two" / "x" / "a.jpg")
    assert pictures.named("a.jpg", str(tmp_path / "one"), None) == str(tmp_path / "one" / "x" / "a.jpg")
    assert pictures.named("A.JPG", root, "train") == str(tmp_path / "train" / "a.jpg")
