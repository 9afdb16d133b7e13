"""Sentences about what was done to a data set's pictures while they were read."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nas.design.size import Size
from nas.nets.data.reading.copies import exact_copies
from nas.nets.data.reading.depth import Depth
from nas.nets.data.reading.left_out import LeftOut, LeftOuts, some
from nas.nets.data.reading.names import SplitName
from nas.nets.data.reading.picture import BROKEN, TOO_LARGE
from nas.nets.data.reading.source import SplitArrays
from nas.nets.data.reading.tree import HIDDEN


def broken_note(row: LeftOut, total: int) -> str:
    """Return how many of all images are broken, with examples."""
    return str(row).replace(f"{row.count} ", f"{row.count} of {total} ", 1)


def left_out_notes(left_out: LeftOuts, total: int) -> tuple[str, ...]:
    """Return a sentence for each reason, but none for files that systems hide."""
    return tuple(
        f"{broken_note(row, total)}, skipped" if row.reason in (BROKEN, TOO_LARGE) else f"Left out: {row}."
        for row in left_out.all()
        if row.reason != HIDDEN
    )


def picture_notes(deep: int, frames: int, depth: Depth | None) -> tuple[str, ...]:
    """Return sentences about images of more than 8 bits and of several frames, if there are any."""
    return (
        *([f"{deep} images have more than 8 bits: {depth}, in all of them alike."] if depth is not None else []),
        *([f"{frames} files hold several pictures or pages; the first of each is used."] if frames else []),
    )


def transparency_notes(parts: Sequence[SplitArrays]) -> tuple[str, ...]:
    """Return how many images are transparent, and how many differ only in what white now hides."""
    seen = [
        (layer, image.tobytes())
        for part in parts
        if isinstance(part.images, np.ndarray)
        for layer, image in zip(part.layers, part.images, strict=False)
        if layer
    ]
    if not seen:
        return ()
    equal = len({layer for layer, _ in seen}) - len({image for _, image in seen})
    note = f"{len(seen)} images have transparent parts; they are laid over white."
    return (f"{note} {equal} of them then equal another." if equal > 0 else note,)


def size_notes(stored: int, middle: int, largest: Size | None) -> tuple[str, ...]:
    """Return that images are stored smaller than they came, unless the use asks for no more."""
    if largest is None and middle > stored:
        return (
            f"Images with a shorter side of {middle} px (the median) are stored at {stored} px: finer detail is lost.",
        )
    return ()


def copies_note(split: str, found: int, total: int, examples: Sequence[tuple[str, str]]) -> str:
    """Return the sentence about images of a split that are also in training; they are kept, as the split is given."""
    told = some([f"{one} of {other}" for one, other in examples], found)
    return (
        f"{found} of {total} {split} images are exact copies of training images ({told}): they are kept, so accuracy "
        "on this split is too high."
    )


def note_copies(parts: Mapping[SplitName, SplitArrays]) -> tuple[str, ...]:
    """Return a sentence for each split of which images are also in training."""
    return tuple(
        copies_note(found.split, found.count, found.total, found.examples)
        for found in exact_copies(parts)
        if found.other == "train"
    )


def order_note(classes: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence if classes are numbers in an order that is not that of the numbers."""
    if not all(name.isdecimal() for name in classes) or list(classes) == sorted(classes, key=int):
        return ()
    number = next(k for k, name in enumerate(classes) if int(name) != k)
    return (f"Classes are in alphabetical order, as {', '.join(classes[:4])}: output {number} is {classes[number]!r}.",)


def counted(labels: NDArray[np.int64], classes: int) -> tuple[int, ...]:
    """Return the number of images of each class."""
    return tuple(int(count) for count in np.bincount(labels, minlength=classes))
