"""How all pictures of a data set are brought to one form."""

from collections.abc import Iterable
from statistics import median

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.data.reading.depth import Depth

USUAL_SIZE = 256
MOST_IN_MEMORY = 4_000_000_000
"""Decoded images that are held in memory; of more, a store is made."""

_LEAST = 8


class Style(Struct, frozen=True):
    """How all pictures of a data set are stored: side in pixels, mode L or RGB, rule for those of more than 8 bits."""

    size: int
    mode: str
    depth: Depth | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (1 if self.mode == "L" else 3), self.size, self.size

    def planes(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a decoded square [S, S] or [S, S, C] as [C, S, S]."""
        return values.reshape(*values.shape[:2], self.shape[0]).transpose(2, 0, 1)


def common_size(shorter: Iterable[int], largest: int | None = None) -> int:
    """Return the side in pixels at which images are stored: the median of theirs, within what is used."""
    return max(_LEAST, min(largest or USUAL_SIZE, int(median(shorter))))
