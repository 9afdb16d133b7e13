"""An image with a mask, and a data set of them."""

from collections.abc import Callable, Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.data.reading.names import SplitName

Mask = NDArray[np.uint8]
VOID = 255  # of a mask that was read: pixels that count for nothing
MOST_MASK_CLASSES = 255


class MaskSample(Struct, frozen=True, eq=False):
    """An image of `size` (width, height in pixels, upright) with a mask that is decoded when it is asked for.

    `decode` returns uint8 [height, width], the class of every pixel of the upright image, 255 for void, or the reason
    why the mask cannot be used. `mask` is the file that holds it.
    """

    path: str
    size: tuple[int, int]
    mask: str
    decode: Callable[[], Mask | str]


class SegmentationData(Struct, frozen=True, eq=False):
    """Images with masks by split, the classes of their pixels, and how they were understood."""

    layout: str
    classes: tuple[str, ...]
    splits: Mapping[SplitName, tuple[MaskSample, ...]]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
