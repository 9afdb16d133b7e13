"""Images and labels from arrays as people save them: any number type, channels first or last, one-hot, by name."""

from collections.abc import Mapping
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.size import Size, central_part, describe_size, make_size
from nas.errors import InvalidData
from nas.nets.data.reading.depth import Depth, Extremes, choose_depth, extremes

MOST_SIDE = 1024
MOST_CLASSES = 100_000
_NUMBERS = "buif"
Arrays = Mapping[str, NDArray[Any]]


class ReadImages(Struct, frozen=True, eq=False):
    """Images uint8 [N, C, H, W] by the name of their array, and what was done to them."""

    images: dict[str, NDArray[np.uint8]]
    notes: tuple[str, ...]


class ReadLabels(Struct, frozen=True, eq=False):
    """Labels int64 [N] by the name of their array, the classes, and how they were understood."""

    labels: dict[str, NDArray[np.int64]]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def read_images(path: Path, found: Arrays, aspect: Size = 1) -> ReadImages:
    """Return images of all arrays, their values scaled by one rule, cut to their central part of the aspect of a size.

    Raises InvalidData with the array and what to do, if they are no images or not alike.
    """
    planes = {key: _as_planes(path, key, array) for key, array in found.items()}
    _check_sizes(path, planes)
    depth = _choose_depth(path, planes)
    changed = [key for key, array in found.items() if array.dtype != np.uint8]
    notes = [f"{', '.join(changed)}: {depth}, in all of them alike."] if depth else []
    if turned := [key for key, array in found.items() if array.ndim == 4 and array.shape[3] not in (1, 3)]:
        notes.append(f"{', '.join(turned)}: channels come first, as shape {found[turned[0]].shape} says.")
    height, width = next(iter(planes.values())).shape[2:]
    images = {key: cut_centre(_scale(plane, depth), aspect) for key, plane in planes.items()}
    left = make_size(*next(iter(images.values())).shape[2:])
    if left != make_size(height, width):
        part = "square" if isinstance(left, int) else describe_size(left)
        notes.append(f"Images of {height}x{width} are cut to their central {part}.")
    if max(int(part.max()) for part in images.values()) <= 1:
        notes.append(
            "No pixel is above 1 of 255: all images are almost black. If 1 is meant as white, multiply by 255."
        )
    return ReadImages(images, tuple(notes))


def _as_planes(path: Path, key: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return a view of images as [N, C, H, W]."""
    if array.dtype.kind not in _NUMBERS:
        raise InvalidData(f"{path}: {key} is {array.dtype}, but images are numbers, best uint8 from 0 to 255.")
    planes = array[..., None] if array.ndim == 3 else array
    if planes.ndim == 4 and planes.shape[3] in (1, 3):
        planes = planes.transpose(0, 3, 1, 2)
    if planes.ndim != 4 or planes.shape[1] not in (1, 3):
        raise InvalidData(
            f"{path}: {key} has shape {array.shape}, but images are [N, H, W], [N, H, W, C] or [N, C, H, W] with C of "
            f"1 or 3.{_advise(array)}"
        )
    if len(planes) == 0:
        raise InvalidData(f"{path}: {key} holds no images.")
    if not 1 < min(planes.shape[2:]) <= max(planes.shape[2:]) <= MOST_SIDE:
        size = "x".join(map(str, planes.shape[2:]))
        raise InvalidData(f"{path}: {key} holds {len(planes)} images of {size}, but sides are 2 to {MOST_SIDE} pixels.")
    return planes


def _advise(array: NDArray[Any]) -> str:
    """Return what to do with an array of another shape, if that is known."""
    if array.ndim == 2 and isqrt(array.shape[1]) ** 2 == array.shape[1]:
        side = isqrt(array.shape[1])
        return f" Rows of {array.shape[1]} numbers may be images of {side}x{side}: save x.reshape(-1, {side}, {side})."
    if array.ndim == 2:
        return " Rows of numbers have to be reshaped to images first."
    if array.ndim == 4 and array.shape[3] == 4:
        return " Lay transparent images over a ground first, or leave the fourth channel out: x[..., :3]."
    if array.ndim == 4 and array.shape[2] in (1, 3) and array.shape[0] == array.shape[1]:
        return " The number of the image has to come first: save np.moveaxis(x, -1, 0)."
    return ""


def _check_sizes(path: Path, planes: Arrays) -> None:
    first = next(iter(planes))
    for key, plane in planes.items():
        if plane.shape[1:] != planes[first].shape[1:]:
            one, other = ("x".join(map(str, planes[name].shape[1:])) for name in (first, key))
            raise InvalidData(f"{path}: images of {first} are {one}, of {key} {other}; make them alike.")


def _choose_depth(path: Path, planes: Arrays) -> Depth | None:
    """Return the rule for all arrays that are not uint8; None if all are."""
    found = {key: _extremes(path, key, plane) for key, plane in planes.items() if plane.dtype != np.uint8}
    if not found:
        return None
    joined, *others = found.values()
    for values in others:
        joined = joined.joined(values)
    mixed = len(found) < len(planes)
    rules = {key: choose_depth(values, mixed) for key, values in found.items()}
    lone = {key: rule for key, rule in rules.items() if rule.low == 0 and not rule.whole}
    if len({rule.high for rule in lone.values()}) > 1:
        told = " and ".join(f"{key} from {found[key].low:g} to {found[key].high:g}" for key in lone)
        raise InvalidData(f"{path}: values of {told} are not on one scale. Save all images as uint8 from 0 to 255.")
    return choose_depth(joined, mixed)


def _extremes(path: Path, key: str, plane: NDArray[Any]) -> Extremes:
    if plane.dtype.kind == "b":
        return Extremes(0.0, 1.0, False)
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        where = int(np.argwhere(~np.isfinite(plane))[0][0])
        raise InvalidData(f"{path}: {key}[{where}] holds values that are not finite. Save images as uint8, 0 to 255.")
    return extremes(plane)


def _scale(plane: NDArray[Any], depth: Depth | None) -> NDArray[np.uint8]:
    if plane.dtype == np.uint8 or depth is None:
        return plane.astype(np.uint8, copy=False)
    if plane.dtype.kind == "b":
        return plane.astype(np.uint8) * np.uint8(255)
    return depth.scale(plane)


def cut_centre(plane: NDArray[np.uint8], aspect: Size) -> NDArray[np.uint8]:
    """Return the centre of every image [N, C, H, W], as `picture.centre` cuts it, at the size that it has."""
    height, width = plane.shape[2:]
    rows, columns = central_part((height, width), aspect)
    return np.ascontiguousarray(plane[:, :, rows, columns])


def read_labels(path: Path, found: Arrays, names: tuple[str, ...]) -> ReadLabels:
    """Return labels as numbers of classes; the first array is that of the training images.

    `names` are the classes if the source names them, else labels that are texts do, else numbers. One-hot rows and
    whole numbers in any type are read; all else raises InvalidData.
    """
    flat = {key: _as_list(path, key, array) for key, array in found.items()}
    first = next(iter(flat))
    notes = (f"{first} is one-hot.",) if found[first].ndim == 2 and found[first].shape[1] > 1 else ()
    if any(labels.dtype.kind == "U" for labels in flat.values()):
        names = names or tuple(sorted(set(flat[first].tolist())))
        flat = {key: _numbered(path, key, labels, names) for key, labels in flat.items()}
    columns = found[first].shape[1] if notes else 0
    count = _count_classes(path, first, flat[first], names, columns)
    labels = {key: _checked(path, key, one, count) for key, one in flat.items()}
    return ReadLabels(labels, names or tuple(map(str, range(count))), notes)


def _as_list(path: Path, key: str, labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels [N], whole numbers or texts."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in _NUMBERS:
        return _from_one_hot(path, key, labels)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    whole = labels.dtype.kind in "biuU" or (
        labels.dtype.kind == "f"
        and bool((np.isfinite(labels) & (labels == np.rint(labels)) & (abs(labels) < 2**53)).all())
    )
    if labels.ndim != 1 or labels.size == 0 or not whole:
        raise InvalidData(
            f"{path}: {key} is {labels.dtype} {labels.shape}, but labels are whole numbers or names [N], or one-hot."
        )
    return labels.astype(np.int64) if labels.dtype.kind in "bf" else labels


def _from_one_hot(path: Path, key: str, rows: NDArray[Any]) -> NDArray[np.int64]:
    wrong = np.flatnonzero(((rows != 0) & (rows != 1)).any(axis=1) | (np.count_nonzero(rows, axis=1) != 1))
    if len(wrong):
        raise InvalidData(
            f"{path}: {key} has {rows.shape[1]} columns, but {key}[{wrong[0]}] is not one-hot, a single 1 among zeros. "
            "Every image needs one class: several classes an image and shares of classes are not supported."
        )
    return np.asarray(rows.argmax(axis=1), dtype=np.int64)


def _numbered(path: Path, key: str, labels: NDArray[Any], names: tuple[str, ...]) -> NDArray[np.int64]:
    numbers = {name: number for number, name in enumerate(names)}
    for place, label in enumerate(labels.tolist()):
        if label not in numbers:
            raise InvalidData(
                f"{path}: {key}[{place}] = {label!r}, but there is no such class among the training images."
            )
    return np.array([numbers[label] for label in labels.tolist()], dtype=np.int64)


def _count_classes(path: Path, key: str, labels: NDArray[Any], names: tuple[str, ...], columns: int) -> int:
    count = len(names) or columns or int(labels.max()) + 1
    if not 2 <= count <= MOST_CLASSES:
        noun = "class" if count == 1 else "classes"
        raise InvalidData(f"{path}: {key} tells {count} {noun} apart, but 2 to {MOST_CLASSES} are possible.")
    if not names and labels.min() == 1 and len(np.unique(labels)) == int(labels.max()):
        raise InvalidData(f"{path}: {key} has labels 1 to {labels.max()}, but classes count from 0: save y - 1.")
    if columns and columns != count:
        raise InvalidData(f"{path}: {key} has {columns} columns, but {count} classes are named. Name every column.")
    return count


def _checked(path: Path, key: str, labels: NDArray[Any], count: int) -> NDArray[np.int64]:
    wrong = np.flatnonzero((labels < 0) | (labels >= count))
    if len(wrong):
        raise InvalidData(
            f"{path}: {key}[{wrong[0]}] = {labels[wrong[0]]}, but there are {count} classes, numbered from 0."
        )
    return labels.astype(np.int64)
