"""An image with boxes, and a data set of them."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.data.reading.names import SplitName


class BoxSample(Struct, frozen=True, eq=False):
    """An image of `size` (width, height in pixels, upright) with N boxes.

    `boxes` are float32 [N, 4] as x1, y1, x2, y2 in pixels from the upper left corner of the upright image: a box over
    the whole image is (0, 0, width, height). `labels` are int64 [N]. Boxes of a crowd hold several objects, difficult
    ones are not counted by Pascal VOC's metric, truncated ones go on beyond the image. An image without boxes is
    background.
    """

    path: str
    size: tuple[int, int]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    difficult: NDArray[np.bool_]
    truncated: NDArray[np.bool_]


class DetectionData(Struct, frozen=True, eq=False):
    """Images with boxes by split, the classes of their labels, and how they were understood."""

    layout: str
    classes: tuple[str, ...]
    splits: Mapping[SplitName, tuple[BoxSample, ...]]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class WrittenBox(Struct, frozen=True):
    """A box as an annotation file writes it, and where it does: corners in pixels, or in shares of the image's size."""

    label: int
    corners: tuple[float, float, float, float]
    where: str
    crowd: bool = False
    difficult: bool = False
    truncated: bool = False


class WrittenImage(Struct, frozen=True):
    """An image with the boxes and the size in pixels (None: not written) of its annotation file."""

    path: str
    split: SplitName
    boxes: tuple[WrittenBox, ...]
    size: tuple[float, float] | None = None
    unit: Literal["pixels", "shares"] = "pixels"


class WrittenData(Struct, frozen=True):
    """What the annotation files of a folder say, before it is compared with the images."""

    layout: str
    classes: tuple[str, ...]
    images: tuple[WrittenImage, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
