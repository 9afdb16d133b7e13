"""`load_data`: images and labels in three splits, of what scikit-learn ships, a folder or an .npz file."""

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray
from torch import Tensor

from nas.errors import InvalidData

# A split is for decisions, not for a publication: more images would cost time in every trial.
_MOST_VALIDATION = 2000


class Split(Struct, frozen=True, eq=False):
    """Images uint8 [N, C, S, S] with C of 1 (grey) or 3, and labels int64 [N]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """How many images."""
        return len(self.labels)

    def __reduce__(self) -> tuple[Any, ...]:
        """As arrays: processes of one machine then share the memory that holds them (pickle protocol 5)."""
        return _shared, (self.images.numpy(force=True), self.labels.numpy(force=True))

    def pick(self, indices: Tensor) -> "Split":
        """The split of these images, in this order."""
        return Split(self.images[indices], self.labels[indices])

    def thinned(self, count: int) -> "Split":
        """So many of its images at most, evenly spaced: sources often hold one class after the other."""
        return self if count >= len(self) else self.pick(torch.arange(count) * len(self) // count)

    def to(self, where: torch.device) -> "Split":
        """The split on a device; itself where it is there. A GPU copies from pinned memory while others work."""
        if self.images.device.type == where.type:
            return self
        parts = [part.pin_memory() if where.type == "cuda" else part for part in (self.images, self.labels)]
        return Split(*(part.to(where, non_blocking=True) for part in parts))


class Data(Struct, frozen=True, eq=False):
    """A data set at its native size. `val` is for decisions, `test` is looked at once; `digest` names the content."""

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    digest: str
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Native side of the square images in pixels."""
        return int(self.train.images.shape[-1])

    def to(self, where: torch.device) -> "Data":
        """The data on a device."""
        return replace(self, train=self.train.to(where), val=self.val.to(where), test=self.test.to(where))

    @property
    def photos(self) -> bool:
        """Whether the images have colour; only these are mirrored while training."""
        return int(self.train.images.shape[1]) == 3


class Labelled(Struct, frozen=True, eq=False):
    """What a source holds before splitting; `val` or `test` None asks for one to be split off."""

    classes: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    test: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None
    notes: tuple[str, ...] = ()
    val: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None


def load_data(spec: str, seed: int = 0) -> Data:
    """The data set that `--data` names: `scenes`, `digits`, a folder of class folders, or an .npz file.

    Splits that the source does not bring are stratified and depend on `seed` alone. Raises InvalidData with the rule
    that was broken.
    """
    if not spec.strip():
        raise InvalidData(
            "--data is empty. Give 'scenes', 'digits', a folder with a folder of images for every class, or an .npz."
        )
    path = Path(spec).expanduser()
    if spec == "scenes":
        from nas.nets.scenes import make_scenes

        source = make_scenes()
    elif spec == "digits":
        source = _digits()
    elif path.is_dir():
        from nas.nets.folder import read_folder

        source = read_folder(path)
    elif path.suffix == ".npz" and path.is_file():
        from nas.nets.npz import read_npz

        source = read_npz(path)
    else:
        raise InvalidData(
            f"{spec}: no such data set. Give 'scenes', 'digits', a folder with a folder of images for every "
            "class, or an .npz file with x_train, y_train, x_test and y_test."
        )
    return _split(spec, source, seed)


def _digits() -> Labelled:
    """8x8 grey levels 0 to 16 (UCI optical recognition of handwritten digits, test part), brought to 0 to 255."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    return Labelled(tuple(str(digit) for digit in range(10)), images, bunch.target.astype(np.int64))


def _split(spec: str, source: Labelled, seed: int) -> Data:
    images, labels = source.images, source.labels
    counts = np.bincount(labels, minlength=len(source.classes))
    needed = 3 if source.test is None else 2
    if counts.min() < needed:
        raise InvalidData(
            f"{spec}: class {source.classes[int(counts.argmin())]!r} has {counts.min()} images, but {needed} "
            "are the least that can be split. Add images or remove the class."
        )
    if source.test is None:
        keep, held = stratified(labels, 0.2, seed)
        test = (images[held], labels[held])
        images, labels, fraction = images[keep], labels[keep], 0.25
    else:
        test, fraction = source.test, 0.1
    if source.val is None:
        keep, held = stratified(labels, min(fraction, _MOST_VALIDATION / len(labels)), seed)
        parts = [(images[keep], labels[keep]), (images[held], labels[held]), test]
    else:
        parts = [(images, labels), source.val, test]
    train, val, tests = (_as_split(*part) for part in parts)
    return Data(Path(spec).name, source.classes, train, val, tests, _digest(parts), source.notes)


def stratified(labels: NDArray[np.int64], fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices kept and held out: of every class the same fraction, at least one image on either side."""
    rng = np.random.default_rng(seed % 2**63)
    held = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held.append(members[: min(max(1, round(fraction * len(members))), len(members) - 1)])
    taken = np.zeros(len(labels), dtype=bool)
    taken[np.concatenate(held)] = True
    return np.flatnonzero(~taken), np.flatnonzero(taken)


def _as_split(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Split:
    return Split(torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.copy()))


def _shared(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Split:
    """A split over memory of other processes too; torch warns that it must not be written to, and nobody does."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable")
        return Split(torch.from_numpy(images), torch.from_numpy(labels))


def _digest(parts: list[tuple[NDArray[np.uint8], NDArray[np.int64]]]) -> str:
    """Twelve hexadecimal digits of every pixel, label and split."""
    found = hashlib.sha256()
    for images, labels in parts:
        found.update(repr(images.shape).encode())
        found.update(images.tobytes())
        found.update(labels.tobytes())
    return found.hexdigest()[:12]
