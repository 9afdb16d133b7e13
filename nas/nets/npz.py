"""Images from an .npz file. Nothing is unpickled and no size in the file is believed before it is checked."""

import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nas.errors import InvalidData
from nas.nets.reading.names import SPLITS, SplitName, split_of
from nas.nets.reading.source import Labelled, Part, labelled

Kind = Literal["images", "labels"]
_MOST_BYTES = 4_000_000_000
_MOST_CLASSES = 100_000
_MOST_SIDE = 1024
_KEYS = ("x_train", "y_train", "x_test", "y_test")
_KINDS: dict[Kind, frozenset[str]] = {
    "images": frozenset({"x", "images", "image", "imgs", "data"}),
    "labels": frozenset({"y", "labels", "label", "targets", "target"}),
}
# What a missing array is called beside the one that is there.
_PARTNERS = {"x": "y", "y": "x", "images": "labels", "labels": "images"}


def read_npz(path: Path) -> Labelled:
    """Return images uint8 [N, S, S], [N, S, S, 1] or [N, S, S, 3] and whole-number labels of each split.

    Arrays are found by name in any usual spelling: x_train and y_train, train_images and train_labels (as in MedMNIST),
    x_val, valid_images ... An array `classes` may name the classes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            keys = _find_keys(path, archive)
            arrays = {split: tuple(_array(path, archive, key) for key in pair) for split, pair in keys.items()}
            names = _names(path, archive)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise InvalidData(f"{path}: cannot be read as an .npz file ({error}).") from error
    images = {split: _images(path, keys[split][0], pair[0]) for split, pair in arrays.items()}
    for split, found in images.items():
        if found.shape[1:] != images["train"].shape[1:]:
            raise InvalidData(
                f"{path}: images of {keys['train'][0]} are {_shape(images['train'])}, of {keys[split][0]} "
                f"{_shape(found)}; make them alike."
            )
    count = _class_count(path, keys["train"][1], arrays["train"][1], names)
    parts = {split: Part(images[split], _labels(path, keys[split], pair, count)) for split, pair in arrays.items()}
    absent = np.flatnonzero(np.bincount(parts["train"].labels, minlength=count) == 0)
    if len(absent):
        raise InvalidData(
            f"{path}: class {absent[0]} has no image in {keys['train'][0]}; number the classes from 0 without gaps."
        )
    layout = f"arrays {', '.join(pair[0] for pair in keys.values())}"
    return labelled(names or tuple(str(k) for k in range(count)), parts, (), (), layout)


def _find_keys(path: Path, archive: zipfile.ZipFile) -> dict[SplitName, tuple[str, str]]:
    """Return the names of the arrays of images and labels of each split."""
    found: dict[tuple[SplitName, Kind], str] = {}
    for name in archive.namelist():
        key = name.removesuffix(".npy")
        if (meaning := _meaning(key)) is None:
            continue
        if meaning in found:
            raise InvalidData(f"{path}: arrays {found[meaning]!r} and {key!r} could mean the same. Keep one of them.")
        found[meaning] = key
    splits = [split for split in SPLITS if (split, "images") in found or (split, "labels") in found]
    if "train" not in splits:
        splits = ["train", *splits]
    return {
        split: (_key(path, archive, found, split, "images"), _key(path, archive, found, split, "labels"))
        for split in splits
    }


def _meaning(key: str) -> tuple[SplitName, Kind] | None:
    """Return the split and the kind of an array by the words of its name; one of no split is of training."""
    words = key.lower().split("_")
    splits = [split for word in words if (split := split_of(word)) is not None]
    kinds = [kind for word in words for kind, known in _KINDS.items() if word in known]
    if len(kinds) != 1 or len(splits) + 1 != len(words):
        return None
    return (splits[0] if splits else "train"), kinds[0]


def _key(
    path: Path, archive: zipfile.ZipFile, found: dict[tuple[SplitName, Kind], str], split: SplitName, kind: Kind
) -> str:
    """Return the name of an array that is needed; raises InvalidData if it is not there."""
    if (split, kind) in found:
        return found[split, kind]
    other = found.get(
        (split, "labels" if kind == "images" else "images"), f"{'y' if kind == 'images' else 'x'}_{split}"
    )
    wanted = "_".join(_PARTNERS.get(word, word) for word in other.lower().split("_"))
    held = ", ".join(sorted(name.removesuffix(".npy") for name in archive.namelist())[:8]) or "nothing"
    if not any(name.endswith(".npy") for name in archive.namelist()):
        raise InvalidData(f"{path}: holds no arrays ({held}). An archive of images has to be unpacked first.")
    raise InvalidData(f"{path}: has no array {wanted!r} (it holds {held}); it needs {', '.join(_KEYS)}.")


def _shape(images: NDArray[Any]) -> str:
    return "x".join(str(side) for side in images.shape[1:])


def _array(path: Path, archive: zipfile.ZipFile, key: str) -> NDArray[Any]:
    """One array, after its header was checked against the bytes that are there."""
    entry = archive.getinfo(f"{key}.npy")
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
            f"{path}: {key} has shape {images.shape}, but images are [N, H, W], [N, H, W, 1] or [..., 3], "
            "channels last."
        )
    count, height, width, _ = images.shape
    if count == 0:
        raise InvalidData(f"{path}: {key} holds no images.")
    if height != width or not 1 < height <= _MOST_SIDE:
        raise InvalidData(f"{path}: {key} holds {count} images of {height}x{width}, but needs squares of 2 to 1024.")
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.uint8)


def _class_count(path: Path, key: str, labels: NDArray[Any], names: tuple[str, ...]) -> int:
    if labels.dtype.kind not in "iu" or labels.size == 0:
        raise InvalidData(f"{path}: {key} is {labels.dtype} {labels.shape}, but labels are whole numbers.")
    count = len(names) or int(labels.max()) + 1
    if not 2 <= count <= _MOST_CLASSES:
        raise InvalidData(f"{path}: there are {count} classes in {key}, but 2 to {_MOST_CLASSES} are possible.")
    return count


def _labels(path: Path, keys: tuple[str, str], arrays: tuple[NDArray[Any], ...], count: int) -> NDArray[np.int64]:
    images, labels = arrays
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise InvalidData(f"{path}: {keys[1]} is {labels.dtype} {labels.shape}, but labels are whole numbers [N].")
    if len(labels) != len(images):
        raise InvalidData(f"{path}: {keys[0]} has {len(images)} images and {keys[1]} {len(labels)} labels.")
    wrong = np.flatnonzero((labels < 0) | (labels >= count))
    if len(wrong):
        raise InvalidData(
            f"{path}: {keys[1]}[{wrong[0]}] = {labels[wrong[0]]}, but there are {count} classes, numbered from 0."
        )
    return labels.astype(np.int64)
