"""What a source of images holds before it is split."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.data.reading.left_out import LeftOut
from nas.nets.data.reading.names import SplitName


class SplitArrays(NamedTuple):
    """Images uint8 [N, C, H, W] of one split with labels [N].

    Where they are known: names [N], shorter sides in pixels as the images came [N], and digests of those with
    transparent parts as they came [N], empty for others.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: tuple[str, ...] = ()
    shorter: NDArray[np.int64] | None = None
    layers: tuple[bytes, ...] = ()

    def pick(self, indices: NDArray[np.int64]) -> "SplitArrays":
        """Return the part of these images, in this order."""
        names = tuple(self.names[index] for index in indices) if self.names else ()
        shorter = None if self.shorter is None else self.shorter[indices]
        layers = tuple(self.layers[index] for index in indices) if self.layers else ()
        return SplitArrays(self.images[indices], self.labels[indices], names, shorter, layers)

    def name_of(self, index: int) -> str:
        """Return the name of an image, its number if it has none."""
        return self.names[index] if self.names else f"image {index}"


class Labelled(Struct, frozen=True, eq=False):
    """What a source holds before splitting; `val` or `test` None asks for one to be split off the other images.

    `mirror` says whether a mirrored image is still one of its class.
    """

    classes: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    test: tuple[NDArray[np.uint8], NDArray[np.int64]] | SplitArrays | None = None
    notes: tuple[str, ...] = ()
    val: tuple[NDArray[np.uint8], NDArray[np.int64]] | SplitArrays | None = None
    names: tuple[str, ...] = ()
    shorter: NDArray[np.int64] | None = None
    left_out: tuple[LeftOut, ...] = ()
    layout: str = "arrays"
    mirror: bool = True

    def parts(self) -> dict[SplitName, SplitArrays]:
        """Return the splits that there are; images of no split are in `train`."""
        found: dict[SplitName, SplitArrays] = {"train": SplitArrays(self.images, self.labels, self.names, self.shorter)}
        if self.val is not None:
            found["val"] = SplitArrays(*self.val)
        if self.test is not None:
            found["test"] = SplitArrays(*self.test)
        return found


def labelled(
    classes: tuple[str, ...],
    parts: Mapping[SplitName, SplitArrays],
    notes: tuple[str, ...],
    left_out: tuple[LeftOut, ...],
    layout: str,
) -> Labelled:
    """Return what a source with these splits holds; raises KeyError without `train`."""
    train = parts["train"]
    return Labelled(
        classes=classes,
        images=train.images,
        labels=train.labels,
        test=parts.get("test"),
        notes=notes,
        val=parts.get("val"),
        names=train.names,
        shorter=train.shorter,
        left_out=left_out,
        layout=layout,
    )
