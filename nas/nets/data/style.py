"""How all pictures of a data set are brought to one form."""

from collections.abc import Iterable
from statistics import median

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.size import Size, height_width, scale_size, shorter_side
from nas.nets.data.reading.depth import Depth

USUAL_SIZE = 256
MOST_IN_MEMORY = 4_000_000_000
"""Decoded images that are held in memory; of more, a store is made."""

_LEAST = 8


class Style(Struct, frozen=True):
    """How all pictures of a data set are stored: size in pixels, mode L or RGB, rule for those of more than 8 bits."""

    size: Size
    mode: str
    depth: Depth | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (1 if self.mode == "L" else 3), *height_width(self.size)

    def planes(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a decoded image [H, W] or [H, W, C] as [C, H, W]."""
        return values.reshape(*values.shape[:2], self.shape[0]).transpose(2, 0, 1)


def common_size(shorter: Iterable[int], largest: Size | None = None) -> Size:
    """Return the size at which images are stored: its shorter side is the median of theirs, within what is used."""
    most = largest or USUAL_SIZE
    return scale_size(most, max(_LEAST, min(shorter_side(most), int(median(shorter)))))
