"""Exact and near copies of images: across splits, and of one picture with several labels."""

import hashlib
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
    keys = {
        split: [hashlib.blake2b(image, digest_size=16).digest() for image in part.images]
        for split, part in parts.items()
    }
    found, names = [], list(parts)
    for place, split in enumerate(names):
        for other in names[:place]:
            first = {key: index for index, key in reversed(list(enumerate(keys[other])))}
            pairs = [(index, first[key]) for index, key in enumerate(keys[split]) if key in first]
            found += _copies(parts, split, other, pairs)
    return tuple(found)


def near_copies(parts: Mapping[SplitName, SplitArrays]) -> tuple[Copies, ...]:
    """Return the images that are almost but not exactly one of an earlier split: encoded or scaled anew.

    Compared are thumbnails of 16 x 16 grey pixels, of 20,000 images of a split at most, evenly spaced.
    """
    picked = {
        split: np.unique(np.linspace(0, len(part.labels) - 1, _MOST_COMPARED).astype(int))
        for split, part in parts.items()
    }
    thumbs = {split: thumbnails(part.images[picked[split]]) for split, part in parts.items()}
    found, names = [], list(parts)
    for place, split in enumerate(names):
        for other in names[:place]:
            pairs = [
                (int(picked[split][one]), int(picked[other][two]))
                for one, two in close_pairs(thumbs[split], thumbs[other])
            ]
            different = [
                (one, two)
                for one, two in pairs
                if not np.array_equal(parts[split].images[one], parts[other].images[two])
            ]
            found += _copies(parts, split, other, different)
    return tuple(found)


def several_labels(parts: Mapping[SplitName, SplitArrays]) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Return how many images equal one with another label, and pairs of their names."""
    seen: dict[bytes, tuple[int, str]] = {}
    count, examples = 0, []
    for part in parts.values():
        for index, image in enumerate(part.images):
            key = hashlib.blake2b(image, digest_size=16).digest()
            label, name = seen.setdefault(key, (int(part.labels[index]), part.name_of(index)))
            if label != part.labels[index]:
                count += 1
                examples.append((part.name_of(index), name))
    return count, tuple(examples[:_EXAMPLES])


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
