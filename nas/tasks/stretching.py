"""Pictures with labels of any task, decoded into arrays: each whole picture stretched to one size."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image

from nas.design.size import Size, height_width, scale_size, shorter_side
from nas.nets.data.reading.depth import Depth
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.picture import BROKEN, DECODER_ERRORS
from nas.nets.data.reading.source import SplitArrays
from nas.nets.data.store.threads import map_ahead
from nas.tasks.pictures import read_upright

_SPARE = 1.25  # of the largest side that is used: a crop of 64 % of the area then still has a pixel for each
_GAP = 3.0  # reduced by whole factors before it is filtered; from here on Pillow calls it the same as the filter alone

Label = NDArray[Any]


class LabelledPicture(Struct, frozen=True, eq=False):
    """A picture of `size` (width, height in pixels, upright), and how to read its label from the file `source`.

    `read_label` returns the label, or the reason why the picture is left out.
    """

    path: str
    size: tuple[int, int]
    source: str
    read_label: Callable[[], Label | str]


class _Failure(Struct, frozen=True):
    reason: str
    path: str


class LabelForm(Struct, frozen=True):
    """Shape and type of the label of each picture."""

    shape: tuple[int, ...]
    dtype: type[np.generic]

    @property
    def bytes(self) -> int:
        """Return how much memory a label takes."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def choose_size(sizes: Sequence[tuple[int, int]], largest: Size) -> Size:
    """Return the size that pictures of these widths and heights are stored at for networks up to a resolution.

    It has its aspect, and is larger by as much as half of the pictures are on both sides, but by a quarter at most.

    >>> choose_size([(640, 480)], 320), choose_size([(640, 336)], 320), choose_size([(64, 48)], (192, 320))
    (400, 336, (192, 320))
    """
    height, width = height_width(largest)
    factor = median(min(across / width, down / height) for across, down in sizes)
    return scale_size(largest, round(shorter_side(largest) * min(max(1.0, factor), _SPARE)))


def read_stretched(
    pictures: Sequence[LabelledPicture], size: Size, form: LabelForm, depth: Depth | None, left_out: LeftOuts
) -> SplitArrays:
    """Return pictures uint8 [N, 3, H, W] at this size, with labels; what cannot be decoded is left out and counted."""
    images = np.empty((len(pictures), 3, *height_width(size)), dtype=np.uint8)
    labels = np.empty((len(pictures), *form.shape), dtype=form.dtype)
    kept: list[LabelledPicture] = []
    for one, found in zip(pictures, map_ahead(partial(_read, size, depth), pictures), strict=True):
        if isinstance(found, _Failure):
            left_out.add(found.reason, found.path)
            continue
        images[len(kept)], labels[len(kept)] = found
        kept.append(one)
    return SplitArrays(
        images[: len(kept)],
        labels[: len(kept)],
        tuple(left_out.name_of(one.path) for one in kept),
        np.array([min(one.size) for one in kept], dtype=np.int64),
    )


def _read(size: Size, depth: Depth | None, picture: LabelledPicture) -> tuple[NDArray[np.uint8], Label] | _Failure:
    label = picture.read_label()
    if isinstance(label, str):
        return _Failure(label, picture.source)
    height, width = height_width(size)
    try:
        image = read_upright(picture.path, depth, 2 * max(height, width))
    except DECODER_ERRORS:
        return _Failure(BROKEN, picture.path)
    stretched = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=_GAP)
    return np.ascontiguousarray(np.asarray(stretched).transpose(2, 0, 1)), label


def stretch_mask(mask: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Return a mask at another size: each of its pixels is the one of `mask` that holds its centre.

    So every class keeps its share of the pixels on average, while a vote of neighbours would wear thin things away.
    """
    height, width = height_width(size)
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
