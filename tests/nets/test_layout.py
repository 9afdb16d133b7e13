"""What folders mean: every spelling of splits, hidden parts, links, ambiguity."""

import os
import unicodedata
from pathlib import Path

import pytest
import torch

from nas.errors import InvalidData
from nas.nets.data.dataset import Data, load_data
from tests.nets.pictures import classes, fill, picture


def sizes(data: Data) -> list[int]:
    return [len(part) for part in (data.train, data.val, data.test)]


@pytest.mark.parametrize(
    "train", ["train", "Train", "training", "TRAIN", "train_images", "trainset", "train2017", "Train+Val"]
)
@pytest.mark.parametrize("val", ["val", "Val", "valid", "validation", "VALIDATION", "dev", "val_set"])
def test_load_data_knows_usual_spellings_of_train_and_val(tmp_path: Path, train: str, val: str) -> None:
    classes(tmp_path / train, 10)
    classes(tmp_path / val, 3, first=100)
    data = load_data(str(tmp_path))
    assert data.classes == ("cat", "dog")
    assert sizes(data) == [18, 6, 2]
    assert data.description is not None
    assert data.description.split_off == ("test",)
    assert f"{train}/, {val}/" in data.description.line


@pytest.mark.parametrize("test", ["test", "Test", "testing", "eval", "evaluation", "hold-out", "test_images"])
def test_load_data_takes_a_test_folder_for_test_and_splits_off_val(tmp_path: Path, test: str) -> None:
    classes(tmp_path / "train", 10)
    classes(tmp_path / test, 4, first=100)
    data = load_data(str(tmp_path))
    assert sizes(data) == [18, 2, 8]
    assert data.notes == ()


def test_load_data_keeps_three_splits_as_they_are(tmp_path: Path) -> None:
    classes(tmp_path / "train", 10)
    classes(tmp_path / "valid", 3, first=100)
    classes(tmp_path / "test", 4, first=200)
    data = load_data(str(tmp_path))
    assert sizes(data) == [20, 6, 8]
    assert data.notes == ()
    assert data.description is not None
    assert data.description.counts == {"train": (10, 10), "val": (3, 3), "test": (4, 4)}
    assert torch.equal(data.val.images, load_data(str(tmp_path), seed=1).val.images)


def test_load_data_splits_a_lone_training_folder(tmp_path: Path) -> None:
    classes(tmp_path / "train", 10)
    data = load_data(str(tmp_path))
    assert data.classes == ("cat", "dog")
    assert sizes(data) == [12, 4, 4]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["val/cat", "val/dog", "test/cat", "test/dog"], "'test', 'val', which are names of splits, but no training"),
        (["Train", "Test"], "'Test', 'Train', which are names of splits, but Train/ holds neither class"),
        (["train/cat", "train/dog", "val/cat", "val/dog", "valid/cat", "valid/dog"], "'val' and 'valid' both name"),
        (["train/cat", "train/dog", "bus", "car"], "train/ holds labelled images as a split does, but beside it"),
        (["cat", "dog", "test"], "'test' is the name of a split, but beside it"),
        (["animals/cat", "animals/dog", "plants/fern", "plants/oak"], "animals: holds no images of its own, only"),
        (["train/animals/cat", "train/animals/dog", "train/plants/fern"], "animals: holds no images of its own, only"),
        (["flowers/daisy", "flowers/rose"], "holds one folder of folders, 'flowers'. Give .*flowers if"),
        (["images/cat", "images/dog"], "holds one folder of folders, 'images'. Give .*images if"),
        (["images", "masks"], "laid out for segmentation"),
        (["JPEGImages", "Annotations"], "laid out for object detection"),
        (["train", "trainannot", "val", "valannot"], "laid out for segmentation"),
        (["."], "holds images, but no class folders"),
    ],
)
def test_load_data_refuses_what_is_ambiguous(tmp_path: Path, names: list[str], message: str) -> None:
    for number, name in enumerate(names):
        fill(tmp_path / name, 4, first=100 * number)
    with pytest.raises(InvalidData, match=message):
        load_data(str(tmp_path))


def test_load_data_takes_valid_and_invalid_as_classes_and_says_so(tmp_path: Path) -> None:
    data = load_data(str(classes(tmp_path, 10, names=("invalid", "valid"))))
    assert data.classes == ("invalid", "valid")
    assert data.notes == ("'valid' is taken as a class, although it is also a split's name.",)


def test_load_data_takes_train_among_vehicles_as_a_class(tmp_path: Path) -> None:
    data = load_data(str(classes(tmp_path, 10, names=("bus", "car", "train"))))
    assert data.classes == ("bus", "car", "train")


def test_load_data_reads_class_folders_that_hold_only_a_folder_of_images(tmp_path: Path) -> None:
    """As Tiny-ImageNet's archive has them."""
    for name in ("cat", "dog"):
        fill(tmp_path / "train" / name / "images", 10, first=ord(name[0]))
        (tmp_path / "train" / name / f"{name}_boxes.txt").write_text("0.png 0 0 9 9")
    data = load_data(str(tmp_path))
    assert data.classes == ("cat", "dog")
    assert "2 .txt files that hold no image: train/cat/cat_boxes.txt" in data.notes[0]


def test_load_data_names_folders_that_are_no_split(tmp_path: Path) -> None:
    classes(tmp_path / "train", 10)
    classes(tmp_path / "test", 4, first=100)
    fill(tmp_path / "unlabelled", 3)
    assert load_data(str(tmp_path)).notes == ("Left out: 1 folders with images that belong to no split: unlabelled.",)


def test_load_data_leaves_out_a_test_folder_without_classes(tmp_path: Path) -> None:
    classes(tmp_path / "train", 10)
    fill(tmp_path / "test", 5, first=100)
    (tmp_path / "sample_submission.csv").write_text("id,label\n0,cat\n")
    data = load_data(str(tmp_path))
    assert sizes(data) == [12, 4, 4]
    assert data.notes == (
        "Left out: 5 unlabelled images of a split: test/100.png, test/101.png, test/102.png and 2 more.",
    )


@pytest.mark.parametrize("inner", ["unknown", "test", "images"])
def test_load_data_leaves_out_a_test_folder_with_a_folder_that_is_no_class(tmp_path: Path, inner: str) -> None:
    classes(tmp_path / "train", 10)
    fill(tmp_path / "test" / inner, 2, first=100)
    data = load_data(str(tmp_path))
    assert sizes(data) == [12, 4, 4]
    assert data.notes[0].startswith("Left out: 2 unlabelled images of a split: test/")


def test_load_data_says_that_inner_folders_count_as_their_class(tmp_path: Path) -> None:
    classes(tmp_path, 10)
    fill(tmp_path / "cat" / "more", 2, first=100)
    data = load_data(str(tmp_path))
    assert sum(sizes(data)) == 22
    assert data.notes == (f"Images in folders inside class folders count as of that class: {tmp_path}/cat/more.",)


def test_load_data_counts_images_beside_class_folders(tmp_path: Path) -> None:
    classes(tmp_path / "train", 10)
    classes(tmp_path / "val", 2, first=100)
    fill(tmp_path / "train", 1, first=500)
    fill(tmp_path, 1, first=501)
    assert load_data(str(tmp_path)).notes[0] == (
        "Left out: 2 images beside the folders of classes or splits: 501.png, train/500.png."
    )


def test_load_data_finds_class_folders_within_a_folder_of_images(tmp_path: Path) -> None:
    classes(tmp_path / "train" / "images", 10)
    classes(tmp_path / "val" / "images", 2, first=100)
    assert load_data(str(tmp_path)).classes == ("cat", "dog")


def test_load_data_minds_no_table_that_is_not_needed(tmp_path: Path) -> None:
    classes(tmp_path, 10)
    (tmp_path / "results.csv").write_text("path,file,label,class\n1,2,3,4\n")
    (tmp_path / "log.jsonl").write_text("not json")
    assert sum(sizes(load_data(str(tmp_path)))) == 20


def test_load_data_skips_hidden_parts_at_every_depth(tmp_path: Path) -> None:
    classes(tmp_path / "train", 10)
    classes(tmp_path / "val", 2, first=100)
    hidden = [".ipynb_checkpoints", "train/.ipynb_checkpoints", "train/cat/.ipynb_checkpoints", "train/cat/@eaDir"]
    hidden += ["__MACOSX", "__MACOSX/train/cat", "val/dog/__MACOSX", "train/.hidden_class"]
    for place, folder in enumerate(hidden):
        fill(tmp_path / folder, 3, first=500 + place)
    for name in ("train/cat/._0.png", "train/.DS_Store", "val/dog/Thumbs.db", "train/dog/desktop.ini"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(150))
    data = load_data(str(tmp_path))
    assert data.classes == ("cat", "dog")
    assert sizes(data) == [18, 4, 2]
    assert data.notes == ("There is no test split: 2 training images were split off as one, by seed 0.",)
    assert data.description is not None
    assert [(row.reason, row.count) for row in data.description.left_out] == [("hidden files and folders", 11)]


def test_load_data_follows_links_but_no_loops_and_counts_broken_ones(tmp_path: Path) -> None:
    stored = classes(tmp_path / "stored", 10)
    root = tmp_path / "linked"
    root.mkdir()
    for name in ("cat", "dog"):
        (root / name).symlink_to(stored / name)
    (stored / "cat" / "again").symlink_to(root)
    (stored / "dog" / "lost.png").symlink_to(tmp_path / "nowhere.png")
    data = load_data(str(root))
    assert sum(sizes(data)) == 20
    assert "Left out: 1 links to a folder that contains them: cat/again." in data.notes
    assert "Left out: 1 links that lead nowhere: dog/lost.png." in data.notes


def test_load_data_compares_class_names_in_one_unicode_form(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "café crème") for form in ("NFC", "NFD"))
    classes(tmp_path / "train", 10, names=(composed, "日本 茶"))
    classes(tmp_path / "val", 3, first=100, names=(apart, "日本 茶"))
    data = load_data(str(tmp_path))
    assert data.classes == (composed, "日本 茶")
    assert torch.bincount(data.val.labels).tolist() == [3, 3]


def test_load_data_takes_names_that_are_no_utf8(tmp_path: Path) -> None:
    classes(tmp_path, 10)
    (tmp_path / "cat").rename(tmp_path / os.fsdecode(b"caf\xe9"))
    (tmp_path / "dog" / os.fsdecode(b"\xff.txt")).write_text("a note")
    data = load_data(str(tmp_path))
    assert data.classes == ("caf\ufffd", "dog")
    assert data.notes == ("Left out: 1 .txt files that hold no image: dog/\ufffd.txt.",)


def test_load_data_names_a_class_that_differs_in_case_only(tmp_path: Path) -> None:
    classes(tmp_path / "train", 10)
    classes(tmp_path / "val", 3, first=100, names=("Cat", "dog"))
    with pytest.raises(InvalidData, match=r"val/Cat: there is no class 'Cat' among .* There is 'cat'"):
        load_data(str(tmp_path))


def test_load_data_tells_of_copies_across_splits(tmp_path: Path) -> None:
    classes(tmp_path / "train", 10)
    classes(tmp_path / "val", 2, first=100)
    classes(tmp_path / "test", 3, first=200)
    for number in range(4, 8):
        picture(number).save(tmp_path / "test" / "cat" / f"same{number}.png")
    data = load_data(str(tmp_path))
    assert data.notes == (
        "4 of 10 test images are exact copies of training images (test/cat/same4.png of train/cat/4.png, "
        "test/cat/same5.png of train/cat/5.png, test/cat/same6.png of train/cat/6.png and 1 more): they are kept, so "
        "accuracy on this split is too high.",
    )
    assert len(data.test) == 10


def test_load_data_says_in_which_order_numbers_are_classes(tmp_path: Path) -> None:
    data = load_data(str(classes(tmp_path, 4, names=tuple(str(number) for number in range(12)))))
    assert data.classes[:4] == ("0", "1", "10", "11")
    assert data.notes[0] == "Classes are in alphabetical order, as 0, 1, 10, 11: output 2 is '10'."


def test_load_data_leaves_out_special_files(tmp_path: Path) -> None:
    classes(tmp_path, 10)
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    assert load_data(str(tmp_path)).notes == ("Left out: 1 special files: cat/pipe.png.",)
