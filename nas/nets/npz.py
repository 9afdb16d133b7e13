"""Images from an .npz file. Nothing is unpickled and no size in the file is believed before it is checked."""

import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nas.errors import InvalidData
from nas.nets.data import Labelled

_MOST_BYTES = 4_000_000_000
_MOST_CLASSES = 100_000
_MOST_SIDE = 1024
_KEYS = ("x_train", "y_train", "x_test", "y_test")


def read_npz(path: Path) -> Labelled:
    """Images uint8 [N, S, S], [N, S, S, 1] or [N, S, S, 3] and whole-number labels; `classes` may name the classes."""
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {key: _array(path, archive, key) for key in _KEYS}
            names = _names(path, archive)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise InvalidData(f"{path}: cannot be read as an .npz file ({error}).") from error
    train, test = (_images(path, f"x_{part}", arrays[f"x_{part}"]) for part in ("train", "test"))
    if train.shape[1:] != test.shape[1:]:
        raise InvalidData(f"{path}: images of x_train are {_shape(train)}, of x_test {_shape(test)}; make them alike.")
    count = _class_count(path, arrays["y_train"], names)
    labels, tests = (_labels(path, part, arrays, count) for part in ("train", "test"))
    absent = np.flatnonzero(np.bincount(labels, minlength=count) == 0)
    if len(absent):
        raise InvalidData(f"{path}: class {absent[0]} has no image in x_train; number the classes from 0 without gaps.")
    return Labelled(names or tuple(str(k) for k in range(count)), train, labels, (test, tests))


def _shape(images: NDArray[Any]) -> str:
    return "x".join(str(side) for side in images.shape[1:])


def _array(path: Path, archive: zipfile.ZipFile, key: str) -> NDArray[Any]:
    """One array, after its header was checked against the bytes that are there."""
    try:
        entry = archive.getinfo(f"{key}.npy")
    except KeyError:
        held = ", ".join(sorted(name.removesuffix(".npy") for name in archive.namelist())[:8]) or "nothing"
        raise InvalidData(f"{path}: has no array {key!r} (it holds {held}); it needs {', '.join(_KEYS)}.") from None
    if entry.file_size > _MOST_BYTES:
        raise InvalidData(f"{path}: array {key!r} says it has {entry.file_size} bytes, more than {_MOST_BYTES}.")
    try:
        with archive.open(entry) as stream:
            version = npy.read_magic(stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(stream)
            expected = stream.tell() + int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
        if dtype.hasobject or expected != entry.file_size:
            raise InvalidData(f"{path}: array {key!r} is no plain array of {dtype} in shape {shape}.")
        with archive.open(entry) as stream:
            found: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    except (ValueError, TypeError, SyntaxError, TokenError, MemoryError) as error:
        raise InvalidData(f"{path}: array {key!r} cannot be read ({error}).") from error
    return found


def _names(path: Path, archive: zipfile.ZipFile) -> tuple[str, ...]:
    """The optional `classes` array; empty where there is none."""
    if "classes.npy" not in archive.namelist():
        return ()
    names = _array(path, archive, "classes")
    if names.ndim != 1 or names.dtype.kind != "U" or len(set(names.tolist())) != len(names):
        raise InvalidData(f"{path}: 'classes' must be a list of different texts, not {names.dtype} {names.shape}.")
    return tuple(str(name) for name in names)


def _images(path: Path, key: str, images: NDArray[Any]) -> NDArray[np.uint8]:
    """Images as [N, C, S, S]."""
    if images.dtype != np.uint8:
        raise InvalidData(f"{path}: {key} is {images.dtype}, but images are uint8 from 0 to 255.")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise InvalidData(
            f"{path}: {key} has shape {images.shape}, but images are [N, H, W], [N, H, W, 1] or [..., 3]."
        )
    count, height, width, _ = images.shape
    if count == 0:
        raise InvalidData(f"{path}: {key} holds no images.")
    if height != width or not 1 < height <= _MOST_SIDE:
        raise InvalidData(f"{path}: {key} holds {count} images of {height}x{width}, but needs squares of 2 to 1024.")
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.uint8)


def _class_count(path: Path, labels: NDArray[Any], names: tuple[str, ...]) -> int:
    if labels.dtype.kind not in "iu" or labels.size == 0:
        raise InvalidData(f"{path}: y_train is {labels.dtype} {labels.shape}, but labels are whole numbers.")
    count = len(names) or int(labels.max()) + 1
    if not 2 <= count <= _MOST_CLASSES:
        raise InvalidData(f"{path}: there are {count} classes in y_train, but 2 to {_MOST_CLASSES} are possible.")
    return count


def _labels(path: Path, part: str, arrays: dict[str, NDArray[Any]], count: int) -> NDArray[np.int64]:
    labels, images = arrays[f"y_{part}"], arrays[f"x_{part}"]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise InvalidData(f"{path}: y_{part} is {labels.dtype} {labels.shape}, but labels are whole numbers [N].")
    if len(labels) != len(images):
        raise InvalidData(f"{path}: x_{part} has {len(images)} images and y_{part} {len(labels)} labels.")
    wrong = np.flatnonzero((labels < 0) | (labels >= count))
    if len(wrong):
        raise InvalidData(
            f"{path}: y_{part}[{wrong[0]}] = {labels[wrong[0]]}, but there are {count} classes, numbered from 0."
        )
    return labels.astype(np.int64)
