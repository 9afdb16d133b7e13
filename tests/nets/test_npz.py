import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nas.errors import InvalidData
from nas.nets.data import load_data


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
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("cat/0.png", b"")
    with pytest.raises(InvalidData, match=r"holds no arrays.*An archive of images has to be unpacked first"):
        load_data(str(tmp_path / "photos.zip"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "has no array 'y_test'"),
        ({"x_train": np.zeros((60, 12, 12, 3))}, "x_train is float64, but images are uint8"),
        ({"x_train": np.zeros((60, 12, 12, 2), np.uint8)}, r"x_train has shape \(60, 12, 12, 2\)"),
        ({"x_train": np.zeros((60, 12), np.uint8)}, r"x_train has shape \(60, 12\)"),
        ({"x_train": np.zeros((60, 12, 10, 3), np.uint8)}, "60 images of 12x10"),
        ({"x_test": np.zeros((9, 16, 16, 3), np.uint8)}, "images of x_train are 3x12x12, of x_test 3x16x16"),
        ({"x_test": np.zeros((0, 12, 12, 3), np.uint8)}, "x_test holds no images"),
        ({"y_train": np.arange(60) / 2}, "y_train is float64"),
        ({"y_train": np.arange(59) % 3}, "x_train has 60 images and y_train 59 labels"),
        ({"y_train": np.arange(60) % 3 - 1}, r"y_train\[0\] = -1"),
        ({"y_train": np.zeros(60, int)}, "there are 1 classes"),
        ({"y_train": np.arange(60) % 3 * 2}, "class 1 has no image"),
        ({"y_train": np.full(60, 2**62)}, "classes in y_train"),
        ({"y_test": np.arange(9)}, r"y_test\[3\] = 3, but there are 3 classes"),
        ({"y_train": np.array(["a"] * 60)}, "y_train is <U1"),
        ({"y_train": np.array([{}] * 60)}, "no plain array of object"),
        ({"classes": np.array(["a", "b"])}, r"y_train\[2\] = 2, but there are 2 classes"),
        ({"classes": np.array(["a", "a", "b"])}, "list of different texts"),
    ],
)
def test_a_wrong_array_gets_a_sentence(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        load_data(saved(tmp_path, **changes))


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


def test_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(b"\x93NUMPY nonsense")
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
