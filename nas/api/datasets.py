"""Data that is no file: arrays, and torch data sets."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from nas.api.inspecting import load_any
from nas.api.options.structs import RunOptions, TrainOptions
from nas.design.size import Size
from nas.errors import InvalidData
from nas.interfaces import Say, say_nothing
from nas.nets.data.dataset import USUAL_SIZE, Data, load_data, size_to_store
from nas.nets.data.style import MOST_IN_MEMORY

DataGiven = Any
"""A path or a name; arrays by name; a torch Dataset, or several by split."""
Brought = Mapping[str, NDArray[Any]]
"""Arrays named as in an .npz file."""

T = TypeVar("T", bound=RunOptions | TrainOptions)


@runtime_checkable
class _Items(Protocol):
    """What a torch Dataset is, be it one by name or not."""

    def __getitem__(self, number: int, /) -> Any: ...

    def __len__(self) -> int: ...


_SPLITS = ("train", "val", "test")
_ARRAYS = "arrays"  # the name of data that has none
_RESERVED = ("file", "allow_pickle")  # arguments of np.savez


def bring_data(options: T, data: DataGiven) -> tuple[T, Brought | None]:
    """The options with the name of the data, and its arrays if it is no file.

    Raises InvalidData with what was given and what is taken instead.
    """
    if isinstance(data, str | Path):
        return replace(options, data=str(data)), None
    return replace(options, data=_ARRAYS), as_arrays(data)


def load_given(
    options: RunOptions | TrainOptions, brought: Brought | None, largest: Size, say: Say = say_nothing
) -> Data:
    """The data that options name, or what was brought, in the aspect of a size (see `load_any`)."""
    if brought is None:
        return load_any(options.data, options.seed, largest, say, options.task, options.void)
    if options.task not in (None, "classification"):
        raise InvalidData(
            f"data: arrays hold a class an image, but the task is {options.task}. Give the path of a folder."
        )
    return load_arrays(brought, options.seed, size_to_store(largest))


def load_arrays(arrays: Brought, seed: int, largest: Size = USUAL_SIZE) -> Data:
    """Arrays named as in an .npz file, read by the same rules."""
    with tempfile.TemporaryDirectory(prefix="nas-data-") as folder:
        path = Path(folder) / "arrays.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]
        try:
            return replace(load_data(str(path), seed, largest), name=_ARRAYS)
        except InvalidData as error:
            raise InvalidData(str(error).replace(f"{path}: ", "data: ").replace(str(path), "data")) from error


def as_arrays(data: DataGiven) -> dict[str, NDArray[Any]]:
    """Arrays of what was given; labels stay what they are."""
    _require_names(data)
    if isinstance(data, Mapping) and all(_is_array(value) for value in data.values()):
        return {name: _as_array(name, value) for name, value in data.items()}
    splits = data if isinstance(data, Mapping) else {"train": data}
    found: dict[str, NDArray[Any]] = {}
    for name, split in splits.items():
        if name not in _SPLITS or not isinstance(split, _Items):
            raise InvalidData(_explain(data, name if isinstance(data, Mapping) else None))
        images, labels = _pairs(name, split)
        found[f"x_{name}"], found[f"y_{name}"] = _stacked(name, images), _as_array(f"labels of {name}", labels)
        if (classes := getattr(split, "classes", None)) and "classes" not in found:
            found["classes"] = np.asarray([str(one) for one in classes])
    return found


def _require_names(data: DataGiven) -> None:
    """Raise InvalidData for a name that no array or split can have, or for no names at all."""
    if isinstance(data, Mapping):
        if not data:
            raise InvalidData(_explain(data, None))
        for name in data:
            if not isinstance(name, str) or name in _RESERVED:
                raise InvalidData(_explain(data, name))


def _explain(data: DataGiven, name: object) -> str:
    given = f"{type(data).__name__}{f' with {name!r}' if name is not None else ''}"
    return (
        f"data is a {given}: give a path, "
        "arrays as {'x_train': images, 'y_train': labels}, a torch Dataset of (image, label), or several as "
        "{'train': ..., 'val': ..., 'test': ...}."
    )


def _as_array(name: str, value: Any) -> NDArray[Any]:
    """An array of a list, a tensor on any device, or an array; raises InvalidData for what holds no plain values."""
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidData(f"data: {name} is no array of numbers ({error}).") from error
    if array.dtype.hasobject and all(isinstance(one, str) for one in array.flat):
        return array.astype(str)  # as pandas keeps texts
    if array.dtype.hasobject:
        raise InvalidData(
            f"data: {name} holds Python objects, like {array.reshape(-1)[0]!r}, not numbers. Give images as uint8 from "
            "0 to 255 and labels as whole numbers."
        )
    return array


def _pairs(name: str, split: _Items) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """All images and all labels of a data set; raises InvalidData where an item is no pair of them."""
    if not len(split):
        raise InvalidData(f"data: {name} holds no images.")
    _require_memory(name, split)
    items = [split[number] for number in range(len(split))]
    for number, item in enumerate(items):
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise InvalidData(
                f"data: item {number} of {name} is {_described(item)}, not (image, label). Give arrays as "
                "{'x_train': images, 'y_train': labels}, or a torch Dataset of such pairs."
            )
    images, labels = zip(*items, strict=True)
    return images, labels


def _require_memory(name: str, split: _Items) -> None:
    """Raise InvalidData, before all images are read, if they would take more memory than images may."""
    first = split[0]
    image = first[0] if isinstance(first, tuple | list) and first else None
    each = getattr(image, "nbytes", None)
    if isinstance(each, int) and each * len(split) > MOST_IN_MEMORY:
        raise InvalidData(
            f"data: {name} holds {len(split)} images of {each} bytes, but a Dataset is held in memory, of which it may "
            f"take {MOST_IN_MEMORY / 1e9:g} GB. Give the path of the images' files: more of those stay on disk."
        )


def _described(item: object) -> str:
    shape = getattr(item, "shape", None)
    return type(item).__name__ + (f" of shape {tuple(shape)}" if shape is not None else f" {item!r}"[:40])


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "detach") or isinstance(value, list | tuple)


def _stacked(name: str, images: tuple[Any, ...]) -> NDArray[Any]:
    arrays = [_as_array(f"an image of {name}", image) for image in images]
    sizes = {array.shape for array in arrays}
    if len(sizes) > 1:
        few = " and ".join(map(str, sorted(sizes)[:2]))
        raise InvalidData(f"data: images of {name} have different shapes ({few}). Resize them in the data set.")
    return np.stack(arrays)
