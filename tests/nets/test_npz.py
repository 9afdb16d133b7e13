import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nas.errors import InvalidData
from nas.nets.data.dataset import load_data


def arrays(**changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {
        "x_train": rng.integers(0, 256, (60, 12, 12, 3), dtype=np.uint8),
        "y_train": np.arange(60) % 3,
        "x_test": rng.integers(0, 256, (9, 12, 12, 3), dtype=np.uint8),
        "y_test": np.arange(9) % 3,
    }
    return {key: value for key, value in {**found, **changes}.items() if value is not None}


def saved(tmp_path: Path, **changes: Any) -> str:
    np.savez(tmp_path / "data.npz", **arrays(**changes))
    return str(tmp_path / "data.npz")


def test_colour_images_come_channels_first(tmp_path: Path) -> None:
    data = load_data(saved(tmp_path, x_test=arrays()["x_train"][:9]))
    assert data.train.images.shape == (54, 3, 12, 12)
    assert (len(data.val), len(data.test)) == (6, 9)
    np.testing.assert_array_equal(data.test.images.numpy(), arrays()["x_train"][:9].transpose(0, 3, 1, 2))
    assert data.classes == ("0", "1", "2")


def test_grey_images_and_names(tmp_path: Path) -> None:
    grey = {key: arrays()[key][..., 0] for key in ("x_train", "x_test")}
    data = load_data(saved(tmp_path, **grey, classes=np.array(["a", "b", "c"])))
    assert data.train.images.shape == (54, 1, 12, 12)
    assert data.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    "names",
    ["{split}_images {split}_labels", "x_{split} y_{split}", "X_{split} Y_{split}", "images_{split} targets_{split}"],
)
@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_read_npz_takes_three_splits_in_usual_spellings(tmp_path: Path, names: str, val: str) -> None:
    found: dict[str, Any] = {}
    for split, count in (("train", 60), (val, 12), ("test", 9)):
        images, labels = names.format(split=split).split()
        found[images] = np.random.default_rng(count).integers(0, 256, (count, 12, 12), dtype=np.uint8)
        found[labels] = np.arange(count)[:, None] % 3  # MedMNIST's labels are columns
    np.savez(tmp_path / "data.npz", **found)
    data = load_data(str(tmp_path / "data.npz"))
    assert [len(part) for part in (data.train, data.val, data.test)] == [60, 12, 9]
    assert data.sides == (12, 12, 12)
    assert data.notes == ()
    np.testing.assert_array_equal(data.val.images[:, 0].numpy(), found[names.format(split=val).split()[0]])


def test_read_npz_splits_off_what_is_missing(tmp_path: Path) -> None:
    data = load_data(saved(tmp_path, x_test=None, y_test=None))
    assert [len(part) for part in (data.train, data.val, data.test)] == [36, 12, 12]


def test_read_npz_refuses_two_arrays_of_one_meaning(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="'x_train' and 'train_images' could mean the same"):
        load_data(saved(tmp_path, train_images=arrays()["x_train"]))


def test_read_npz_names_the_array_that_is_missing_in_its_own_spelling(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="has no array 'val_labels'"):
        load_data(saved(tmp_path, val_images=arrays()["x_train"]))


def test_read_npz_of_an_archive_of_images_says_what_to_do(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.npz", "w") as archive:
        archive.writestr("cat/0.png", b"")
    with pytest.raises(InvalidData, match=r"holds no arrays.*An archive of images has to be unpacked first"):
        load_data(str(tmp_path / "photos.npz"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "has no array 'y_test'"),
        ({"x_train": np.zeros((60, 12, 12, 3), complex)}, "x_train is complex128, but images are numbers"),
        ({"x_train": np.full((60, 12, 12, 3), np.nan)}, r"x_train\[0\] holds values that are not finite"),
        ({"x_train": np.zeros((12, 12, 3, 60), np.uint8)}, r"has to come first: save np.moveaxis\(x, -1, 0\)"),
        ({"x_train": np.zeros((60, 144), np.uint8)}, r"may be images of 12x12: save x.reshape\(-1, 12, 12\)"),
        ({"x_train": np.zeros((60, 12, 12, 4), np.uint8)}, "leave the fourth channel out"),
        ({"x_train": np.zeros((60, 1100, 4), np.uint8)}, "60 images of 1100x4, but sides are 2 to 1024"),
        (
            {"x_train": np.array([[1], [1, 2]] * 30, dtype=object)},
            "holds Python objects, which are never unpickled here",
        ),
        ({"x_train": np.zeros((60, 12, 12, 2), np.uint8)}, r"x_train has shape \(60, 12, 12, 2\)"),
        ({"x_train": np.zeros((60, 12), np.uint8)}, r"x_train has shape \(60, 12\)"),
        ({"x_train": np.zeros((60, 12, 10, 3), np.uint8)}, "images of x_train are 3x12x10, of x_test 3x12x12"),
        ({"x_test": np.zeros((9, 16, 16, 3), np.uint8)}, "images of x_train are 3x12x12, of x_test 3x16x16"),
        ({"x_train": np.full((60, 12, 12, 3), 0.5), "x_test": np.full((9, 12, 12, 3), 200.0)}, "not on one scale"),
        ({"x_test": np.zeros((0, 12, 12, 3), np.uint8)}, "x_test holds no images"),
        ({"y_train": np.arange(60) / 2}, "y_train is float64"),
        ({"y_train": np.arange(59) % 3}, "x_train has 60 images and y_train 59 labels"),
        ({"y_train": np.arange(60) % 3 - 1}, r"y_train\[0\] = -1"),
        ({"y_train": np.zeros(60, int)}, "tells 1 class apart"),
        ({"y_train": np.arange(60) % 3 * 2}, "class 1 has no image"),
        ({"y_train": np.full(60, 2**62)}, "y_train tells [0-9]+ classes apart"),
        ({"y_test": np.arange(9)}, r"y_test\[3\] = 3, but there are 3 classes"),
        ({"y_train": np.array(["a"] * 60), "y_test": np.array(["a"] * 9)}, "tells 1 class apart"),
        (
            {"y_train": np.array([*"ab"] * 30), "y_test": np.array([*"abc"] * 3)},
            r"y_test\[2\] = 'c', but there is no such",
        ),
        ({"y_train": np.array([{}] * 60)}, "y_train' holds Python objects"),
        ({"y_train": np.arange(60) % 3 + 1}, "y_train has labels 1 to 3, but classes count from 0: save y - 1"),
        ({"y_train": np.full((60, 3), 1 / 3)}, r"y_train\[0\] is not one-hot"),
        ({"y_train": np.ones((60, 3), int)}, "several classes an image"),
        ({"y_train": np.eye(3)[np.arange(60) % 3], "classes": np.array(["a", "b"])}, "has 3 columns, but 2 classes"),
        ({"y_train": np.full(60, np.inf)}, "y_train is float64"),
        ({"classes": np.array(["a", "b"])}, r"y_train\[2\] = 2, but there are 2 classes"),
        ({"classes": np.array(["a", "a", "b"])}, "list of different texts"),
    ],
)
def test_a_wrong_array_gets_a_sentence(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        load_data(saved(tmp_path, **changes))


UINT8 = arrays()["x_train"]
KINDS: dict[str, tuple[Any, str]] = {
    "float32 of 0 to 1": (UINT8.astype(np.float32) / 255, "values 0 to 1 become 0 to 255"),
    "float64 of 0 to 255": (UINT8.astype(np.float64), "values 0 to 255 become 0 to 255"),
    "int64 of 0 to 255": (UINT8.astype(np.int64), "values 0 to 255 become 0 to 255"),
    "float32 of -1 to 1": (UINT8 / np.float32(127.5) - 1, "values -1 to 1 become 0 to 255"),
    "float32 beyond 1": (UINT8 / np.float32(250), "values 0 to 1.02 become 0 to 255"),
    "uint16": (UINT8.astype(np.uint16) * 257, "values 0 to 65535 become 0 to 255"),
    "uint16 of 12 bits": (UINT8.astype(np.uint16) * 16, "values 0 to 4095 become 0 to 255"),
    "big-endian float32": ((UINT8 / 255).astype(">f4"), "values 0 to 1 become 0 to 255"),
    "channels first": (UINT8.transpose(0, 3, 1, 2), r"channels come first, as shape \(60, 3, 12, 12\) says"),
    "channels first, float16": ((UINT8 / 255).transpose(0, 3, 1, 2).astype(np.float16), "values 0 to 1"),
    "columns first in memory": (np.asfortranarray(UINT8), ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_read_npz_brings_images_of_any_number_type_and_order_to_the_same_pixels(tmp_path: Path, kind: str) -> None:
    images, note = KINDS[kind]
    found = load_data(saved(tmp_path, x_train=images, x_test=images[:9]))
    expected = load_data(saved(tmp_path, x_test=UINT8[:9]))
    far = int(np.abs(found.train.images.numpy().astype(int) - expected.train.images.numpy()).max())
    assert far <= (1 if "float16" in kind or "beyond" in kind else 0)
    assert re.search(note, " ".join(found.notes))


def test_read_npz_scales_floats_beside_uint8_by_their_own_values(tmp_path: Path) -> None:
    data = load_data(saved(tmp_path, x_test=(UINT8[:9] / 255).astype(np.float32)))
    np.testing.assert_array_equal(data.test.images.numpy(), UINT8[:9].transpose(0, 3, 1, 2))
    assert "x_test: values 0 to 1 become 0 to 255, in all of them alike." in data.notes


def test_read_npz_takes_truths_as_black_and_white_and_says_if_all_is_black(tmp_path: Path) -> None:
    truths = UINT8[..., 0] > 127
    white = load_data(saved(tmp_path, x_train=truths, x_test=truths[:9]))
    assert set(np.unique(white.train.images.numpy())) == {0, 255}
    black = load_data(saved(tmp_path, x_train=truths.astype(np.uint8), x_test=truths[:9].astype(np.uint8)))
    assert any("all images are almost black" in note for note in black.notes)


def test_read_npz_cuts_images_to_their_central_square(tmp_path: Path) -> None:
    wide = np.concatenate([UINT8, UINT8], axis=2)[:, :, :17]
    data = load_data(saved(tmp_path, x_train=wide, x_test=wide[:9]))
    np.testing.assert_array_equal(data.test.images.numpy(), wide[:9, :, 2:14].transpose(0, 3, 1, 2))
    assert "Images of 12x17 are cut to their central square." in data.notes


NUMBERS = np.arange(60) % 3
LABELS: dict[str, Any] = {
    "one-hot": np.eye(3)[NUMBERS],
    "one-hot truths": np.eye(3, dtype=bool)[NUMBERS],
    "one-hot uint8": np.eye(3, dtype=np.uint8)[NUMBERS],
    "a column": NUMBERS[:, None],
    "whole floats": NUMBERS.astype(np.float32),
    "uint8": NUMBERS.astype(np.uint8),
    "uint64": NUMBERS.astype(np.uint64),
}


@pytest.mark.parametrize("kind", LABELS)
def test_read_npz_takes_labels_in_any_usual_form(tmp_path: Path, kind: str) -> None:
    labels = LABELS[kind]
    data = load_data(saved(tmp_path, y_train=labels, y_test=labels[:9]))
    np.testing.assert_array_equal(data.test.labels.numpy(), NUMBERS[:9])
    assert data.classes == ("0", "1", "2")
    assert any("one-hot" in note for note in data.notes) == ("one-hot" in kind)


@pytest.mark.parametrize("kind", ["U", "S"])
def test_read_npz_takes_names_as_labels_and_sorts_them_as_classes(tmp_path: Path, kind: str) -> None:
    names = np.array(["dog", "cat", "owl"])[NUMBERS].astype(kind)
    data = load_data(saved(tmp_path, y_train=names, y_test=names[:9]))
    assert data.classes == ("cat", "dog", "owl")
    np.testing.assert_array_equal(data.test.labels.numpy(), np.array([1, 0, 2])[NUMBERS[:9]])


def test_read_npz_of_one_hot_rows_refuses_a_class_without_images(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="class 3 has no image in x_train"):
        load_data(saved(tmp_path, y_train=np.eye(4)[NUMBERS]))


def test_read_npz_counts_arrays_that_it_does_not_understand(tmp_path: Path) -> None:
    data = load_data(saved(tmp_path, weights=np.ones(3), class_names=np.array(["a", "b", "c"])))
    assert data.classes == ("a", "b", "c")
    assert data.description is not None
    [row] = data.description.left_out
    assert (row.count, row.examples) == (1, ("weights",))


def test_a_size_in_the_file_is_not_believed(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["x_train.npy"] = members["x_train.npy"].replace(b"(60, 12, 12, 3)", b"(99999999,12,3)")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InvalidData, match="no plain array"):
        load_data(path)


def test_read_npz_of_a_single_array_says_how_to_save_both(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", UINT8)
    with pytest.raises(InvalidData, match=r"is a single array, without labels.*x_train=images, y_train=labels"):
        load_data(str(tmp_path / "images.npy"))


def test_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(b"PK nonsense")
    with pytest.raises(InvalidData, match=r"cannot be read as an \.npz file"):
        load_data(str(path))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 255)), min_size=1, max_size=5), drop=st.booleans()
)
def test_no_mutilated_file_ends_in_a_traceback(tmp_path: Path, cuts: list[tuple[int, int]], drop: bool) -> None:
    path = Path(saved(tmp_path))
    content = bytearray(path.read_bytes())
    for place, value in cuts:
        content[place % len(content)] = value
    path.write_bytes(bytes(content[: cuts[0][0]] if drop else content))
    try:
        load_data(str(path))
    except InvalidData as error:
        assert str(path) in str(error)  # noqa: PT017
