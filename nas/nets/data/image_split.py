"""`Split`: the images and labels of one split, in memory or in a store on disk, read in one way."""

import math
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from torch import Tensor

from nas.design.size import Size
from nas.errors import InvalidData
from nas.nets.data.style import MOST_IN_MEMORY

if TYPE_CHECKING:
    from nas.nets.data.store.images import EncodedImages


class Split(Struct, frozen=True, eq=False):
    """Images [N, C, H, W] with C of 1 (grey) or 3, and labels [N, ...] (see `Task`).

    The images are a tensor uint8 in memory, or stay encoded on disk. `read` and `stream` give both alike.
    """

    source: "Tensor | EncodedImages"
    labels: Tensor

    def __len__(self) -> int:
        """How many images."""
        return len(self.labels)

    def __reduce__(self) -> tuple[Any, ...]:
        """As arrays: processes of one machine then share the memory that holds them (pickle protocol 5)."""
        source = self.source if not isinstance(self.source, Tensor) else self.source.numpy(force=True)
        return _shared, (source, self.labels.numpy(force=True))

    @property
    def shape(self) -> tuple[int, ...]:
        """Count, channels, height and width."""
        return tuple(self.source.shape)

    @property
    def images(self) -> Tensor:
        """All images uint8 [N, C, H, W]; raises InvalidData if they are on disk and do not fit into memory."""
        if not isinstance(self.source, Tensor) and math.prod(self.shape) > MOST_IN_MEMORY:
            raise InvalidData(
                f"{len(self)} images do not fit into memory. Read some at a time: split.read(indices, resolution)."
            )
        return self.read(slice(None))

    def read(self, which: Tensor | slice, resolution: Size | None = None) -> Tensor:
        """Images of these numbers uint8 [N, C, H, W], on the device of the labels.

        `resolution` is what they are used at: those on disk are decoded no larger, those in memory come as they are.
        """
        if isinstance(self.source, Tensor):
            return self.source[which]
        return self._placed(self.source.read(self._numbers(which), resolution))

    def stream(self, wanted: Iterable[tuple[Tensor | slice, Size | None]]) -> Iterator[Tensor]:
        """Iterate over batches as `read` returns them; from disk the next ones are decoded while one is used."""
        if isinstance(self.source, Tensor):
            yield from (self.source[which] for which, _ in wanted)
            return
        for images in self.source.stream((self._numbers(which), side) for which, side in wanted):
            yield self._placed(images)

    def _placed(self, images: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(images).to(self.labels.device)

    def _numbers(self, which: Tensor | slice) -> NDArray[np.int64]:
        return np.arange(len(self))[which] if isinstance(which, slice) else which.numpy(force=True)

    def pick(self, indices: Tensor) -> "Split":
        """The split of these images, in this order."""
        picked = (
            self.source.pick(self._numbers(indices)) if not isinstance(self.source, Tensor) else self.source[indices]
        )
        return Split(picked, self.labels[indices])

    def thinned(self, count: int) -> "Split":
        """So many of its images at most, evenly spaced: sources often hold one class after the other."""
        return self if count >= len(self) else self.pick(torch.arange(count) * len(self) // count)

    def to(self, where: torch.device) -> "Split":
        """The split on a device, itself where it is there; of a store only the labels.

        A GPU copies from pinned memory while others work.
        """
        if self.labels.device.type == where.type:
            return self

        def move(part: Tensor) -> Tensor:
            return (part.pin_memory() if where.type == "cuda" else part).to(where, non_blocking=True)

        source = self.source if not isinstance(self.source, Tensor) else move(self.source)
        return Split(source, move(self.labels))


def _shared(images: "NDArray[np.uint8] | EncodedImages", labels: NDArray[np.int64]) -> Split:
    """A split over memory of other processes too; torch warns that it must not be written to, and nobody does."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable")
        source = torch.from_numpy(images) if isinstance(images, np.ndarray) else images
        return Split(source, torch.from_numpy(labels))
