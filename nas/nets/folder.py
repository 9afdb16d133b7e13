"""Images from a folder of class folders."""

import struct
import warnings
import zlib
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageOps

from nas.errors import InvalidData
from nas.nets.data import Labelled, side_quantiles

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
_GREY = frozenset({"1", "L", "LA"})
_COLOUR = frozenset({"RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX"})
_MOST_PIXELS = 64_000_000
_MOST_BYTES = 4_000_000_000
_MOST_UNREADABLE = 0.01
# Everything that a broken file was seen to raise from a decoder.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class _File(Struct, frozen=True):
    path: Path
    label: int


def read_folder(root: Path, largest: int | None = None) -> Labelled:
    """All images below `root`; with train/ and val/ (or test/) inside, the latter is the test split.

    Images are cut to their central square and brought to one size, the median of their shorter sides.
    An image that cannot be read is skipped and named in the notes; more than 1 % of them raise InvalidData.
    """
    train, held = _parts(root)
    classes = _classes(train)
    files = _files(train, classes)
    tests = _files(held, classes) if held else []
    _check_counts(root, train, classes, files)
    heads = {file.path: head for file in (*files, *tests) if (head := _head(file.path))}
    broken = [file.path for file in (*files, *tests) if file.path not in heads]
    _check_broken(root, broken, len(files) + len(tests))
    size = _common_size([shorter for shorter, _ in heads.values()], largest)
    mode = "L" if all(grey for _, grey in heads.values()) else "RGB"
    images, labels = _read([file for file in files if file.path in heads], size, mode, broken)
    test = _read([file for file in tests if file.path in heads], size, mode, broken) if held else None
    notes = _check_broken(root, broken, len(files) + len(tests))
    sides = side_quantiles([heads[file.path][0] for file in files if file.path in heads])
    return Labelled(classes, images, labels, test, notes, sides)


def _parts(root: Path) -> tuple[Path, Path | None]:
    names = {path.name for path in _folders(root)}
    for held in ("val", "test"):
        if {"train", held} <= names:
            return root / "train", root / held
    return root, None


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise InvalidData(f"{root}: cannot be read ({error.strerror}).") from error


def _classes(root: Path) -> tuple[str, ...]:
    names = tuple(path.name for path in _folders(root))
    if not names:
        raise InvalidData(f"{root}: holds no class folders. Put the images of every class into a folder of its own.")
    if len(names) == 1:
        raise InvalidData(f"{root}: holds one class, {names[0]!r}, but there is nothing to learn below two.")
    return names


def _files(root: Path, classes: tuple[str, ...]) -> list[_File]:
    """Image files in a fixed order, with the numbers of their classes."""
    numbers = {name: number for number, name in enumerate(classes)}
    found = []
    for folder in _folders(root):
        if folder.name not in numbers:
            raise InvalidData(f"{folder}: there is no class {folder.name!r} among the training images.")
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
        found += [_File(path, numbers[folder.name]) for path in paths]
    if not found:
        raise InvalidData(f"{root}: holds no images; known endings are {', '.join(sorted(_SUFFIXES))}.")
    return found


def _check_counts(root: Path, train: Path, classes: tuple[str, ...], files: list[_File]) -> None:
    counts = np.bincount([file.label for file in files], minlength=len(classes))
    if counts.min() == 0:
        name = classes[int(counts.argmin())]
        raise InvalidData(f"{train / name}: holds no images. Add some or remove the folder.")


def _head(path: Path) -> tuple[int, bool] | None:
    """Shorter side and greyness from the file's header; None where it is no 8-bit image of a bearable size."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                width, height = image.size
                bearable = 0 < width * height <= _MOST_PIXELS and image.mode in _GREY | _COLOUR
                return (min(width, height), image.mode in _GREY) if bearable else None
    except _BROKEN:
        return None


def _common_size(shorter: Iterable[int], largest: int | None = None) -> int:
    sides = list(shorter)
    fitting = int((_MOST_BYTES / (3 * len(sides))) ** 0.5)
    return max(8, min(largest or 256, fitting, int(median(sides))))


def _read(files: list[_File], size: int, mode: str, broken: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images [N, C, S, S] and labels; what cannot be decoded goes to `broken`."""
    channels = 1 if mode == "L" else 3
    images = np.empty((len(files), channels, size, size), dtype=np.uint8)
    labels = np.empty(len(files), dtype=np.int64)
    count = 0
    for file in files:
        pixels = _decode(file.path, size, mode)
        if pixels is None:
            broken.append(file.path)
            continue
        images[count] = pixels.reshape(size, size, channels).transpose(2, 0, 1)
        labels[count] = file.label
        count += 1
    return images[:count], labels[:count]


def _decode(path: Path, size: int, mode: str) -> NDArray[np.uint8] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                image.draft(mode, (size, size))
                whole = image.convert(mode)
            if whole.size != (size, size):
                whole = ImageOps.fit(whole, (size, size), Image.Resampling.BILINEAR)
            return np.asarray(whole)
    except _BROKEN:
        return None


def _check_broken(root: Path, broken: list[Path], total: int) -> tuple[str, ...]:
    if not broken:
        return ()
    names = ", ".join(str(path.relative_to(root)) for path in broken[:3]) + (", ..." if len(broken) > 3 else "")
    found = f"{len(broken)} of {total} images could not be read: {names}"
    if len(broken) > _MOST_UNREADABLE * total:
        raise InvalidData(f"{root}: {found}. That is more than 1 %: repair or remove them.")
    return (f"{found}, skipped",)
