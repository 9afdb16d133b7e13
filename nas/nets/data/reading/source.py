"""What a source of images holds before it is split."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.data.reading.left_out import LeftOut
from nas.nets.data.reading.names import SplitName

if TYPE_CHECKING:
    from nas.nets.data.store.images import EncodedImages

_Pixels = NDArray[np.uint8]


class SplitArrays(NamedTuple):
    """Images uint8 [N, C, H, W] of one split with labels [N, ...]: an array, or in a store.

    Where they are known: names [N], shorter sides in pixels as the images came [N], and digests of those with
    transparent parts as they came [N], empty for others.
    """

    images: "_Pixels | EncodedImages"
    labels: NDArray[Any]
    names: tuple[str, ...] = ()
    shorter: NDArray[np.int64] | None = None
    layers: tuple[bytes, ...] = ()

    def pick(self, indices: NDArray[np.int64]) -> "SplitArrays":
        """Return the part of these images, in this order."""
        names = tuple(self.names[index] for index in indices) if self.names else ()
        shorter = None if self.shorter is None else self.shorter[indices]
        layers = tuple(self.layers[index] for index in indices) if self.layers else ()
        images = self.images[indices] if isinstance(self.images, np.ndarray) else self.images.pick(indices)
        return SplitArrays(images, self.labels[indices], names, shorter, layers)

    def name_of(self, index: int) -> str:
        """Return the name of an image, its number if it has none."""
        if not isinstance(self.images, np.ndarray):
            return self.images.name(index)
        return self.names[index] if self.names else f"image {index}"

    @property
    def keys(self) -> NDArray[np.uint64]:
        """Digests [N], equal for equal images: of their pixels, in a store of their files."""
        if not isinstance(self.images, np.ndarray):
            return self.images.keys
        return np.array([key_of(np.ascontiguousarray(image).data) for image in self.images], dtype=np.uint64)

    @property
    def plain(self) -> NDArray[np.bool_]:
        """Whether an image is of one colour all over [N]."""
        if not isinstance(self.images, np.ndarray):
            return self.images.plain
        return np.array([image.min() == image.max() for image in self.images], dtype=bool)

    def small(self, indices: NDArray[np.int64]) -> _Pixels:
        """Return images to compare by eye: as they are, previews if they are in a store."""
        return self.images[indices] if isinstance(self.images, np.ndarray) else self.images.small(indices)


def key_of(content: bytes | memoryview) -> int:
    """Return a digest of 64 bits: that any two of ten million are equal by chance has a probability of 1 in 400,000."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")


class Labelled(Struct, frozen=True, eq=False):
    """What a source holds before splitting; `val` or `test` None asks for one to be split off the other images.

    `mirror` says whether a mirrored image is still one of its class.
    """

    classes: tuple[str, ...]
    images: "_Pixels | EncodedImages"
    labels: NDArray[np.int64]
    test: tuple[_Pixels, NDArray[np.int64]] | SplitArrays | None = None
    notes: tuple[str, ...] = ()
    val: tuple[_Pixels, NDArray[np.int64]] | SplitArrays | None = None
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
