import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.errors import InvalidData
from nas.nets.data.dataset import load_data


def paint(path: Path, size: tuple[int, int] = (24, 24), mode: str = "RGB", value: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"RGB": 3, "L": 1}[mode]
    pixels = np.full((size[1], size[0], channels), value, dtype=np.uint8)
    Image.fromarray(pixels.squeeze(2) if channels == 1 else pixels).save(path)


def classes(root: Path, count: int = 10, mode: str = "RGB") -> Path:
    for value, name in ((50, "cat"), (150, "dog")):
        for number in range(count):
            paint(root / name / f"{number}.png", mode=mode, value=value + number)
    return root


def test_one_level_is_split_in_three(tmp_path: Path) -> None:
    data = load_data(str(classes(tmp_path)), seed=0)
    assert data.classes == ("cat", "dog")
    assert [len(part) for part in (data.train, data.val, data.test)] == [12, 4, 4]
    for part in (data.train, data.val, data.test):
        bright = part.images.float().mean((1, 2, 3)) > 120
        assert bright.long().equal(part.labels)


def test_load_data_takes_val_for_validation_and_splits_test_off_training(tmp_path: Path) -> None:
    classes(tmp_path / "train", 20)
    classes(tmp_path / "val", 3)
    data = load_data(str(tmp_path))
    assert [len(part) for part in (data.train, data.val, data.test)] == [36, 6, 4]
    assert data.notes[0] == "There is no test split: 4 training images were split off as one, by seed 0."


def test_sizes_may_differ_and_the_middle_is_kept(tmp_path: Path) -> None:
    classes(tmp_path)
    wide = np.zeros((24, 48, 3), dtype=np.uint8)
    wide[:, 12:36] = 200
    Image.fromarray(wide).save(tmp_path / "dog" / "wide.png")
    data = load_data(str(tmp_path))
    assert data.size == 24
    images = np.concatenate([part.images.numpy() for part in (data.train, data.val, data.test)])
    assert (images.reshape(len(images), -1) == 200).all(1).sum() == 1


def test_read_folder_keeps_the_sides_that_training_images_came_with(tmp_path: Path) -> None:
    classes(tmp_path, 20)
    for number in range(20):
        paint(tmp_path / "dog" / f"large{number}.png", (64, 48))
    data = load_data(str(tmp_path), largest=16)
    assert data.size == 16
    assert data.sides == (24, 24, 48)


def test_grey_images_keep_one_channel(tmp_path: Path) -> None:
    data = load_data(str(classes(tmp_path, mode="L")))
    assert data.train.images.shape[1] == 1
    assert not data.photos


def test_a_truncated_image_is_named_and_skipped(tmp_path: Path) -> None:
    classes(tmp_path, 100)
    broken = tmp_path / "cat" / "7.png"
    broken.write_bytes(broken.read_bytes()[:60])
    data = load_data(str(tmp_path))
    assert data.notes == ("1 of 200 images could not be read: cat/7.png, skipped",)
    assert sum(len(part) for part in (data.train, data.val, data.test)) == 199


def test_more_than_one_in_a_hundred_broken_is_an_error(tmp_path: Path) -> None:
    classes(tmp_path)
    (tmp_path / "cat" / "3.png").write_bytes(b"no image at all")
    with pytest.raises(InvalidData, match=r"1 of 20 images could not be read: cat/3\.png"):
        load_data(str(tmp_path))


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    classes(tmp_path, 100)
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    (tmp_path / "cat" / "bomb.png").write_bytes(stream.getvalue()[:16] + head + stream.getvalue()[29:])
    assert "cat/bomb.png" in load_data(str(tmp_path)).notes[0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "holds no class folders"),
        (["cat/0.png", "cat/1.png"], "holds one class, 'cat'"),
        (["cat/0.txt", "dog/0.txt"], "holds no images in its folders; a file's content"),
        (["cat/0.png", "dog/0.txt"], "dog: holds no images"),
        (["cat/0.png", "dog/0.png", "dog/1.png", "dog/2.png"], "class 'cat' has 1 images, but 3"),
    ],
)
def test_a_folder_that_cannot_be_used_gets_a_sentence(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            paint(tmp_path / name)
        else:
            (tmp_path / name).touch()
    with pytest.raises(InvalidData, match=message):
        load_data(str(tmp_path))


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="no such data set"):
        load_data(str(tmp_path / "nowhere"))


def test_a_test_class_that_is_not_trained(tmp_path: Path) -> None:
    classes(tmp_path / "train")
    classes(tmp_path / "val")
    paint(tmp_path / "val" / "horse" / "0.png")
    with pytest.raises(InvalidData, match=r"val/horse: there is no class 'horse'"):
        load_data(str(tmp_path))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]),
    cuts=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    length=st.integers(0, 500),
)
def test_no_mutilated_image_ends_in_a_traceback(
    tmp_path: Path, kind: str, cuts: list[tuple[int, int]], length: int
) -> None:
    root = tmp_path / "photos"
    if not root.exists():
        classes(root, 3)
    stream = io.BytesIO()
    Image.effect_noise((24, 24), 50).convert("RGB").save(stream, kind)
    content = bytearray(stream.getvalue())
    for place, value in cuts:
        content[place % len(content)] = value
    (root / "cat" / "odd.png").write_bytes(bytes(content[: length or None]))
    try:
        data = load_data(str(root))
    except InvalidData as error:
        assert "cat/odd.png" in str(error)  # noqa: PT017
    else:
        assert sum(len(part) for part in (data.train, data.val, data.test)) == 7
