"""`Listing`: all labelled files of a source by split, checked as far as that goes without opening an image."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.errors import InvalidData
from nas.nets.data.file_reader import FileReader
from nas.nets.data.reading.layout import Layout
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import SplitName
from nas.nets.data.reading.notes import broken_note
from nas.nets.data.reading.picture import BROKEN, TOO_LARGE
from nas.nets.data.sources.open import open_source

_MOST_BROKEN = 0.01
File = tuple[str, int]
"""A path and the number of its class."""


class Listing(Struct, frozen=True):
    """The files of each split with the numbers of their classes, and what opens them."""

    root: str
    layout: str
    classes: tuple[str, ...]
    splits: Mapping[SplitName, Sequence[File]]
    reader: FileReader
    notes: tuple[str, ...]

    @property
    def files(self) -> list[File]:
        """The files of all splits, one split after the other."""
        return [file for part in self.splits.values() for file in part]


def read_listing(spec: str, left_out: LeftOuts) -> Listing:
    """Return the labelled files of a source; raises InvalidData if its layout or its classes cannot be used."""
    layout, reader = open_source(spec, left_out)
    classes = _classes(spec, layout)
    numbers = {name: number for number, name in enumerate(classes)}
    splits = {split: [(path, numbers[name]) for path, name in found.files] for split, found in layout.splits.items()}
    return Listing(spec, layout.name, classes, splits, reader, layout.notes)


def _classes(root: str, layout: Layout) -> tuple[str, ...]:
    """Return the classes of the training images; raises InvalidData if another split has one more."""
    classes = layout.splits["train"].classes
    if not classes:
        raise InvalidData(f"{root}: no training image has a label in the {layout.name}.")
    if len(classes) < 2:
        raise InvalidData(f"{root}: holds one class, {''.join(classes)!r}, but there is nothing to learn below two.")
    known = set(classes)
    for labels in layout.splits.values():
        for path, name in labels.files:
            if name not in known:
                near = "".join(f" There is {one!r}." for one in classes if one.casefold() == name.casefold())
                raise InvalidData(f"{Path(path).parent}: there is no class {name!r} among the training images.{near}")
    return classes


def check_counts(listing: Listing, labels: NDArray[np.int64], left_out: LeftOuts) -> None:
    """Raise InvalidData if a class has no training image that can be read."""
    counts = np.bincount(labels, minlength=len(listing.classes))
    if counts.min() > 0:
        return
    why = "".join(f" Left out: {row}." for row in left_out.all()[:3])
    if counts.max() == 0:
        raise InvalidData(f"{listing.root}: holds no images; a file's content decides whether it is one.{why}")
    lacking = int(counts.argmin())
    own = next((str(Path(path).parent) for path, number in listing.splits["train"] if number == lacking), "")
    where = own if Path(own).name == listing.classes[lacking] else f"class {listing.classes[lacking]!r}"
    raise InvalidData(f"{where}: holds no images. Add some or remove the folder.{why}")


def check_broken(listing: Listing, left_out: LeftOuts, total: int) -> None:
    """Raise InvalidData if more than 1 % of all images cannot be read."""
    for row in left_out.all():
        if row.reason in (BROKEN, TOO_LARGE) and row.count > _MOST_BROKEN * total:
            note = broken_note(row, total)
            raise InvalidData(f"{listing.root}: {note}. That is more than 1 %: repair, scale down or remove them.")
