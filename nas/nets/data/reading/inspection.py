"""`inspect_data`: what a person should know about a data set before training on it."""

from collections.abc import Mapping
from math import sqrt

import numpy as np
from msgspec import Struct

from nas.design.size import Size
from nas.nets.data.reading.copies import Copies, exact_copies, near_copies, several_labels
from nas.nets.data.reading.description import Description
from nas.nets.data.reading.left_out import LeftOut, some
from nas.nets.data.reading.names import SplitName
from nas.nets.data.reading.source import SplitArrays

_FEW = 20  # training images of a class, below which hardly anything is learnt about it
_WIDE = 0.05  # half width of the 95 % interval of an accuracy of 50 %, beyond which a split decides little
_UNEQUAL = 3.0  # times its equal share that the largest class may have


class Inspection(Struct, frozen=True):
    """A data set as `nas data` shows it.

    `counts` are the images of each class by split, `sides` the shorter sides of training images in pixels.
    """

    task: str
    layout: str
    classes: tuple[str, ...]
    splits: Mapping[str, int]
    split_off: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    largest_share: float
    left_out: tuple[LeftOut, ...]
    stored_resolution: Size
    sides: Mapping[str, int]
    exact_copies: tuple[Copies, ...]
    near_copies: tuple[Copies, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def inspect_data(description: Description, parts: Mapping[SplitName, SplitArrays]) -> Inspection:
    """Return what is known of a data set, with copies across its splits and warnings."""
    exact, near = exact_copies(parts), near_copies(parts)
    train = np.array(description.counts["train"])
    return Inspection(
        task=description.task,
        layout=description.layout,
        classes=description.classes,
        splits=description.splits,
        split_off=description.split_off,
        counts=description.counts,
        largest_share=float(train.max() / train.sum()),
        left_out=description.left_out,
        stored_resolution=description.stored_resolution,
        sides=_sides(parts["train"], description.sides),
        exact_copies=exact,
        near_copies=near,
        notes=description.notes,
        warnings=(*_balance(description), *_small_splits(description), *_copies(exact, near), *_pictures(parts)),
    )


def _sides(train: SplitArrays, quantiles: tuple[int, int, int]) -> dict[str, int]:
    known = [min(train.images.shape[2:])] if train.shorter is None else train.shorter
    low, middle, high = quantiles
    return {"least": int(min(known)), "p10": low, "p50": middle, "p90": high, "most": int(max(known))}


def _balance(description: Description) -> list[str]:
    """Return warnings about unequal, small and missing classes."""
    counts, names = np.array(description.counts["train"]), description.classes
    share, largest = counts.max() / counts.sum(), names[int(counts.argmax())]
    found = []
    if share > min(_UNEQUAL / len(names), 0.75):
        found.append(
            f"{share:.0%} of the training images are of class {largest!r}: a network that always says so is right as "
            "often. Look at balanced accuracy and at the accuracy of every class."
        )
    if few := [f"{names[k]} ({counts[k]})" for k in np.flatnonzero(counts < _FEW)]:
        found.append(f"Fewer than {_FEW} training images: {some(few)}.")
    for split in ("val", "test"):
        if absent := [names[k] for k in np.flatnonzero(np.array(description.counts[split]) == 0)]:
            found.append(f"No {split} image: {some(absent)}.")
    return found


def _small_splits(description: Description) -> list[str]:
    """Return a warning for each split on which an accuracy is hardly known."""
    widths = {split: 0.98 / sqrt(description.splits[split]) for split in ("val", "test")}
    return [
        f"The {split} split has {description.splits[split]} images: accuracy is known to ± {min(width, 0.5):.0%} on it."
        for split, width in widths.items()
        if width > _WIDE
    ]


def _copies(exact: tuple[Copies, ...], near: tuple[Copies, ...]) -> list[str]:
    return [
        f"{row.count} of {row.total} {row.split} images are {kind} copies of {row.other} images: "
        f"{some([f'{one} of {two}' for one, two in row.examples], row.count)}."
        for kind, rows in (("exact", exact), ("near", near))
        for row in rows
        if (kind, row.other) != ("exact", "train")  # a note says these
    ]


def _pictures(parts: Mapping[SplitName, SplitArrays]) -> list[str]:
    """Return warnings about images with several labels and of one colour."""
    found = []
    count, pairs = several_labels(parts)
    if count:
        told = some([f"{one} and {two}" for one, two in pairs], count)
        found.append(f"{count} images equal one of another class: {told}.")
    flat = [part.name_of(int(index)) for part in parts.values() for index in np.flatnonzero(part.plain)]
    if flat:
        found.append(f"{len(flat)} images are of one colour all over: {some(flat)}.")
    return found
