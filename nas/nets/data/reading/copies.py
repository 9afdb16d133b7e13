"""Exact and near copies of images: across splits, and of one picture with several labels."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.data.reading.names import SplitName
from nas.nets.data.reading.source import SplitArrays

_THUMB = 16  # side of the thumbnails that near copies are compared by, in pixels
_CLOSE = 4.0  # root mean square difference of thumbnails, in levels of 255, below which images are near copies
_MOST_COMPARED = 20_000  # images of a split: pairs grow with the square
_EXAMPLES = 3


class Copies(Struct, frozen=True):
    """How many images of `split` are also in `other`, with pairs of names."""

    split: str
    other: str
    count: int
    total: int
    examples: tuple[tuple[str, str], ...]


def exact_copies(parts: Mapping[SplitName, SplitArrays]) -> tuple[Copies, ...]:
    """Return the images with the same pixels as one of an earlier split, in the order train, val, test."""
    keys = {split: part.keys for split, part in parts.items()}
    found, names = [], list(parts)
    for place, split in enumerate(names):
        for other in names[:place]:
            found += _copies(parts, split, other, equal_pairs(keys[split], keys[other]))
    return tuple(found)


def equal_pairs(ones: NDArray[np.uint64], others: NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Return the place of each key that is also among the others, with its first place there.

    >>> equal_pairs(np.array([5, 7, 9], np.uint64), np.array([9, 5, 9], np.uint64))
    [(0, 1), (2, 0)]
    """
    known, first = np.unique(others, return_index=True)
    found = np.flatnonzero(np.isin(ones, known))
    return [
        (int(one), int(first[place])) for one, place in zip(found, np.searchsorted(known, ones[found]), strict=True)
    ]


def near_copies(parts: Mapping[SplitName, SplitArrays]) -> tuple[Copies, ...]:
    """Return the images that are almost but not exactly one of an earlier split: encoded or scaled anew.

    Compared are thumbnails of 16 x 16 grey pixels, of 20,000 images of a split at most, evenly spaced.
    """
    picked = {
        split: np.unique(np.linspace(0, len(part.labels) - 1, _MOST_COMPARED).astype(int))
        for split, part in parts.items()
    }
    thumbs = {split: thumbnails(part.small(picked[split])) for split, part in parts.items()}
    keys = {split: part.keys for split, part in parts.items()}
    found, names = [], list(parts)
    for place, split in enumerate(names):
        for other in names[:place]:
            pairs = [
                (int(picked[split][one]), int(picked[other][two]))
                for one, two in close_pairs(thumbs[split], thumbs[other])
            ]
            different = [(one, two) for one, two in pairs if keys[split][one] != keys[other][two]]
            found += _copies(parts, split, other, different)
    return tuple(found)


def several_labels(parts: Mapping[SplitName, SplitArrays]) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Return how many images equal one with another label, and pairs of their names."""
    labels = np.concatenate([part.labels for part in parts.values()])
    _, first, inverse = np.unique(
        np.concatenate([part.keys for part in parts.values()]), return_index=True, return_inverse=True
    )
    differing = np.flatnonzero(labels != labels[first[inverse]])
    pairs = [(int(one), int(first[inverse[one]])) for one in differing[:_EXAMPLES]]
    return len(differing), tuple((_name(parts, one), _name(parts, two)) for one, two in pairs)


def _name(parts: Mapping[SplitName, SplitArrays], place: int) -> str:
    """Return the name of an image by its place among those of all splits."""
    for part in parts.values():
        if place < len(part.labels):
            return part.name_of(place)
        place -= len(part.labels)
    raise IndexError(place)


def thumbnails(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return grey thumbnails [N, 256] of images [N, C, H, W], by averages of areas, or nearest pixels of small ones."""
    rows, columns = (_averages(side) for side in images.shape[2:])
    parts = [
        np.einsum("ah,nhw,bw->nab", rows, chunk.mean(axis=1, dtype=np.float32), columns, optimize=True).reshape(
            len(chunk), -1
        )
        for chunk in np.array_split(images, max(1, images.size // 50_000_000))
    ]
    return np.concatenate(parts).astype(np.float32)


def _averages(side: int) -> NDArray[np.float32]:
    """Return what of each pixel of a side is in each pixel of a thumbnail's [16, side]."""
    edges = np.linspace(0, side, _THUMB + 1)
    starts, ends = np.floor(edges[:-1]).astype(int), np.maximum(np.ceil(edges[1:]).astype(int), 1)
    found = np.zeros((_THUMB, side), dtype=np.float32)
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        found[place, start:end] = 1 / (end - start)
    return found


def close_pairs(ones: NDArray[np.float32], others: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return for each row its nearest other row, if that is close; rows without contrast are close to nothing."""
    kept = np.flatnonzero(others.std(axis=1) > 2 * _CLOSE)
    pairs: list[tuple[int, int]] = []
    if not len(kept):
        return pairs
    candidates, limit = others[kept], _CLOSE**2 * ones.shape[1]
    norms = (candidates.astype(np.float64) ** 2).sum(axis=1)
    for start in range(0, len(ones), 512):
        chunk = ones[start : start + 512]
        squares = (chunk.astype(np.float64) ** 2).sum(axis=1)[:, None] + norms - 2.0 * (chunk @ candidates.T)
        nearest = squares.argmin(axis=1)
        close = np.flatnonzero(squares[np.arange(len(chunk)), nearest] <= limit)
        pairs += [(start + int(row), int(kept[nearest[row]])) for row in close]
    return pairs


def _copies(
    parts: Mapping[SplitName, SplitArrays], split: SplitName, other: SplitName, pairs: list[tuple[int, int]]
) -> list[Copies]:
    if not pairs:
        return []
    names = tuple((parts[split].name_of(one), parts[other].name_of(two)) for one, two in pairs[:_EXAMPLES])
    return [Copies(split, other, len(pairs), len(parts[split].labels), names)]
