"""Images from an .npz file. Nothing is unpickled and no size in the file is believed before it is checked."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nas.design.size import Size
from nas.errors import InvalidData
from nas.nets.data.reading.arrays import read_images, read_labels
from nas.nets.data.reading.left_out import LeftOut
from nas.nets.data.reading.names import SPLITS, SplitName, split_of
from nas.nets.data.reading.source import Labelled, SplitArrays, labelled

ArrayKind = Literal["images", "labels"]
_MOST_BYTES = 4_000_000_000
_NAMES = ("classes", "class_names", "label_names")
_OTHERS = "arrays that are no images, labels or names of classes"
_KEYS = ("x_train", "y_train", "x_test", "y_test")
_KINDS: dict[ArrayKind, frozenset[str]] = {
    "images": frozenset({"x", "images", "image", "imgs", "data"}),
    "labels": frozenset({"y", "labels", "label", "targets", "target"}),
}
# What a missing array is called beside the one that is there.
_PARTNERS = {"x": "y", "y": "x", "images": "labels", "labels": "images"}


def read_npz(path: Path, largest: Size = 1) -> Labelled:
    """Return the images and labels of each split; see `reading.arrays` for what they may be.

    Images keep their size, but are cut to the aspect of `largest`.

    Arrays are found by name in any usual spelling: x_train and y_train, train_images and train_labels (as in MedMNIST),
    x_val, valid_images ... An array `classes` or `class_names` may name the classes.
    """
    if _is_lone_array(path):
        raise InvalidData(
            f"{path}: is a single array, without labels. Save images and labels in one file: "
            "np.savez('data.npz', x_train=images, y_train=labels)."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            keys = _find_keys(path, archive)
            arrays = {split: tuple(_array(path, archive, key) for key in pair) for split, pair in keys.items()}
            names, unknown = _names(path, archive), _unknown(archive, keys)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise InvalidData(
            f"{path}: cannot be read as an .npz file ({error}). Give a folder of images or an .npz."
        ) from error
    read = read_images(path, {keys[split][0]: pair[0] for split, pair in arrays.items()}, largest)
    named = read_labels(path, {keys[split][1]: pair[1] for split, pair in arrays.items()}, names)
    parts = {split: _part(path, keys[split], read.images, named.labels) for split in keys}
    absent = np.flatnonzero(np.bincount(parts["train"].labels, minlength=len(named.classes)) == 0)
    if len(absent):
        raise InvalidData(
            f"{path}: class {named.classes[absent[0]]} has no image in {keys['train'][0]}; number the classes from 0 "
            "without gaps."
        )
    layout = f"arrays {', '.join(pair[0] for pair in keys.values())}"
    return labelled(named.classes, parts, (*read.notes, *named.notes), unknown, layout)


def is_npz(path: Path) -> bool:
    """Tell whether a file is an .npz or .npy, by its name or as an archive of nothing but arrays."""
    if path.suffix.lower() in (".npz", ".npy") or _is_lone_array(path):
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def _is_lone_array(path: Path) -> bool:
    """Tell whether a file is what np.save writes, one array."""
    with path.open("rb") as file:
        return file.read(6) == npy.MAGIC_PREFIX


def _part(
    path: Path,
    keys: tuple[str, str],
    images: Mapping[str, NDArray[np.uint8]],
    labels: Mapping[str, NDArray[np.int64]],
) -> SplitArrays:
    names = tuple(f"{keys[0]}[{number}]" for number in range(len(images[keys[0]])))
    found = SplitArrays(images[keys[0]], labels[keys[1]], names)
    if len(found.images) != len(found.labels):
        raise InvalidData(f"{path}: {keys[0]} has {len(found.images)} images and {keys[1]} {len(found.labels)} labels.")
    return found


def _unknown(archive: zipfile.ZipFile, keys: Mapping[SplitName, tuple[str, str]]) -> tuple[LeftOut, ...]:
    """Return what the archive holds besides."""
    known = {*_NAMES, *(key for pair in keys.values() for key in pair)}
    others = [key for name in archive.namelist() if (key := name.removesuffix(".npy")) not in known]
    return (LeftOut(_OTHERS, len(others), tuple(others[:3])),) if others else ()


def _find_keys(path: Path, archive: zipfile.ZipFile) -> dict[SplitName, tuple[str, str]]:
    """Return the names of the arrays of images and labels of each split."""
    found: dict[tuple[SplitName, ArrayKind], str] = {}
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


def _meaning(key: str) -> tuple[SplitName, ArrayKind] | None:
    """Return the split and the kind of an array by the words of its name; one of no split is of training."""
    words = key.lower().split("_")
    splits = [split for word in words if (split := split_of(word)) is not None]
    kinds = [kind for word in words for kind, known in _KINDS.items() if word in known]
    if len(kinds) != 1 or len(splits) + 1 != len(words):
        return None
    return (splits[0] if splits else "train"), kinds[0]


def _key(
    path: Path,
    archive: zipfile.ZipFile,
    found: dict[tuple[SplitName, ArrayKind], str],
    split: SplitName,
    kind: ArrayKind,
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
        if dtype.hasobject:
            raise InvalidData(
                f"{path}: array {key!r} holds Python objects, which are never unpickled here. Save images of one "
                "size as one array, np.stack(images), and labels as np.array(labels) of numbers or texts."
            )
        if expected != entry.file_size:
            raise InvalidData(f"{path}: array {key!r} is no plain array of {dtype} in shape {shape}.")
        with archive.open(entry) as stream:
            found: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    except (ValueError, TypeError, SyntaxError, TokenError, MemoryError) as error:
        raise InvalidData(f"{path}: array {key!r} cannot be read ({error}).") from error
    return found


def _names(path: Path, archive: zipfile.ZipFile) -> tuple[str, ...]:
    """Return the names of the classes, if an array says them."""
    key = next((key for key in _NAMES if f"{key}.npy" in archive.namelist()), None)
    if key is None:
        return ()
    names = _array(path, archive, key)
    if names.ndim != 1 or names.dtype.kind != "U" or len(set(names.tolist())) != len(names):
        raise InvalidData(f"{path}: {key!r} must be a list of different texts, not {names.dtype} {names.shape}.")
    return tuple(str(name) for name in names)
