"""Images from files: those that fit are decoded into memory, more of them stay encoded in a store on disk."""

from collections.abc import Sequence
from statistics import median

import numpy as np
from msgspec import Struct

from nas.design.size import Size, area, shorter_side
from nas.nets.data.file_reader import FileReader
from nas.nets.data.listing import File, Listing, check_broken, check_counts, read_listing
from nas.nets.data.progress import Tell, tell_nothing
from nas.nets.data.reading.depth import Depth
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.notes import left_out_notes, picture_notes, size_notes, transparency_notes
from nas.nets.data.reading.picture import BROKEN, TOO_LARGE, ImageHeader, read_depth, read_head, read_pixels
from nas.nets.data.reading.source import Labelled, SplitArrays, labelled
from nas.nets.data.sources.open import root_of
from nas.nets.data.store.read import read_store
from nas.nets.data.style import MOST_IN_MEMORY, Style, common_size

_SAMPLED = 64  # headers that tell how large the decoded images would be


class _Picture(Struct, frozen=True):
    path: str
    label: int
    head: ImageHeader


def read_pictures(spec: str, largest: Size | None = None, say: Tell = tell_nothing) -> Labelled:
    """Return the centres of all images of a source at one size.

    It has the aspect of `largest` (a square of 256 pixels if None) and at most its size; its shorter side is the median
    of the images' shorter sides. What cannot be used is counted by reason; more than 1 % of images that cannot be read
    raise InvalidData.
    """
    left_out = LeftOuts(root_of(spec))
    listing = read_listing(spec, left_out)
    if decoded_bytes(listing, largest) > MOST_IN_MEMORY:
        return read_store(listing, left_out, largest, say)
    return _read_all(listing, left_out, largest)


def decoded_bytes(listing: Listing, largest: Size | None) -> int:
    """Return about how many bytes all images would take in memory, by the headers of some."""
    files = listing.files
    sampled = [files[place][0] for place in np.linspace(0, len(files) - 1, _SAMPLED).astype(int)] if files else []
    heads = [head for path in sampled if isinstance(head := read_head(path, listing.reader), ImageHeader)]
    if not heads:
        return 0
    channels = 1 if all(head.grey for head in heads) else 3
    return channels * len(files) * area(common_size([head.shorter for head in heads], largest))


def _read_all(listing: Listing, left_out: LeftOuts, largest: Size | None) -> Labelled:
    pictures = {split: _pictures(files, listing.reader, left_out) for split, files in listing.splits.items()}
    everything = [picture for part in pictures.values() for picture in part]
    heads = [picture.head for picture in everything]
    check_counts(listing, np.array([picture.label for picture in pictures["train"]], dtype=np.int64), left_out)
    total = len(everything) + left_out.count(BROKEN) + left_out.count(TOO_LARGE)
    check_broken(listing, left_out, total)
    style = _style(everything, listing.reader, largest)
    parts = {split: _read(part, style, listing.reader, left_out) for split, part in pictures.items()}
    check_broken(listing, left_out, total)
    notes = (
        *listing.notes,
        *left_out_notes(left_out, total),
        *picture_notes(sum(head.deep for head in heads), sum(head.frames for head in heads), style.depth),
        *transparency_notes(list(parts.values())),
        *size_notes(shorter_side(style.size), int(median(head.shorter for head in heads)), largest),
    )
    return labelled(listing.classes, parts, notes, left_out.all(), listing.layout)


def _pictures(files: Sequence[File], reader: FileReader, left_out: LeftOuts) -> list[_Picture]:
    """Return the pictures among files in a fixed order, with the numbers of their classes and their headers."""
    found = []
    for path, label in files:
        head = read_head(path, reader)
        if isinstance(head, str):
            left_out.add(head, path)
        else:
            found.append(_Picture(path, label, head))
    return found


def _style(pictures: list[_Picture], reader: FileReader, largest: Size | None) -> Style:
    heads = [picture.head for picture in pictures]
    size = common_size([head.shorter for head in heads], largest)
    return Style(size, "L" if all(head.grey for head in heads) else "RGB", _depth(pictures, reader))


def _depth(pictures: list[_Picture], reader: FileReader) -> Depth | None:
    """Return the rule for pictures of more than 8 bits; None if there are none."""
    deep = [(one.path, one.head.format) for one in pictures if one.head.deep]
    return read_depth(deep, len(deep) < len(pictures), reader)


def _read(pictures: list[_Picture], style: Style, reader: FileReader, left_out: LeftOuts) -> SplitArrays:
    """Return images [N, C, H, W] with labels, names and shorter sides; what cannot be decoded is left out."""
    images = np.empty((len(pictures), *style.shape), dtype=np.uint8)
    kept: list[_Picture] = []
    layers: list[bytes] = []
    for one in pictures:
        pixels = read_pixels(one.path, one.head.format, style.size, style.mode, style.depth, reader)
        if pixels is None:
            left_out.add(BROKEN, one.path)
            continue
        images[len(kept)] = style.planes(pixels.values)
        layers.append(pixels.layer)
        kept.append(one)
    return SplitArrays(
        images[: len(kept)],
        np.array([one.label for one in kept], dtype=np.int64),
        tuple(left_out.name_of(one.path) for one in kept),
        np.array([one.head.shorter for one in kept], dtype=np.int64),
        tuple(layers),
    )
