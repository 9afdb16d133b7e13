"""`read_store`: a data set whose images stay encoded on disk, described as one in memory is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.design.size import Size, shorter_side
from nas.folders import cache_folder
from nas.nets.data.listing import Listing, check_broken, check_counts
from nas.nets.data.progress import Tell
from nas.nets.data.reading.depth import Depth, Extremes, choose_depth
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import SplitName
from nas.nets.data.reading.notes import left_out_notes, picture_notes, size_notes
from nas.nets.data.reading.picture import BROKEN, TOO_LARGE
from nas.nets.data.reading.source import Labelled, SplitArrays, labelled
from nas.nets.data.store.images import EncodedImages, Store
from nas.nets.data.store.make import make_store
from nas.nets.data.style import Style, common_size

_Columns = Mapping[str, NDArray[Any]]
_READ = ("row", "label", "shorter", "grey", "frames", "layer", "low", "high", "whole")


def read_store(listing: Listing, left_out: LeftOuts, largest: Size | None, say: Tell) -> Labelled:
    """Return a data set from its store, which is made if it is not there. See `pictures.read_pictures`."""
    store = make_store(listing, cache_folder() / "data", say)
    for header in store.headers:
        for reason, path in header.left_out:
            left_out.add(reason, path)
    columns = {name: store.column(name) for name in _READ}
    rows = _rows_by_split(listing, columns["row"])
    check_counts(listing, columns["label"][rows["train"]], left_out)
    total = len(store) + left_out.count(BROKEN) + left_out.count(TOO_LARGE)
    check_broken(listing, left_out, total)
    style = _style(columns, largest)
    parts = {split: _part(store, style, part, columns) for split, part in rows.items()}
    notes = (
        *listing.notes,
        *left_out_notes(left_out, total),
        *picture_notes(int(np.isfinite(columns["low"]).sum()), int(columns["frames"].sum()), style.depth),
        *_transparency(int(columns["layer"].sum())),
        *size_notes(shorter_side(style.size), int(np.median(columns["shorter"])), largest),
        f"{len(store)} images stay encoded in {store.folder} and are decoded as they are used.",
    )
    return labelled(listing.classes, parts, notes, left_out.all(), listing.layout)


def _rows_by_split(listing: Listing, numbers: NDArray[np.int64]) -> dict[SplitName, NDArray[np.int64]]:
    """Return the rows of each split, which follow each other in a listing."""
    ends = np.cumsum([len(files) for files in listing.splits.values()])
    which = np.searchsorted(ends, numbers, side="right")
    return {split: np.flatnonzero(which == number) for number, split in enumerate(listing.splits)}


def _style(columns: _Columns, largest: Size | None) -> Style:
    mode = "L" if bool(columns["grey"].all()) else "RGB"
    return Style(common_size(columns["shorter"].tolist(), largest), mode, _depth(columns))


def _depth(columns: _Columns) -> Depth | None:
    """Return the rule for images of more than 8 bits; None if there are none."""
    deep = np.isfinite(columns["low"])
    if not deep.any():
        return None
    whole = all(bool(value) for value in columns["whole"][deep])
    values = Extremes(float(columns["low"][deep].min()), float(columns["high"][deep].max()), whole)
    return choose_depth(values, mixed=not bool(deep.all()))


def _part(store: Store, style: Style, rows: NDArray[np.int64], columns: _Columns) -> SplitArrays:
    labels, shorter = columns["label"][rows].astype(np.int64), columns["shorter"][rows].astype(np.int64)
    return SplitArrays(EncodedImages(store, style, rows), labels, (), shorter)


def _transparency(count: int) -> tuple[str, ...]:
    return (f"{count} images have transparent parts; they are laid over white.",) if count else ()
