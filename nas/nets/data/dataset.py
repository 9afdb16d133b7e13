"""`load_data`: images and labels in three splits, of what scikit-learn ships, a folder or an .npz file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from nas.design.dense.head import TaskName
from nas.design.size import Size, make_size, scale_size, shorter_side
from nas.errors import InvalidData
from nas.folders import cache_folder
from nas.nets.data.image_split import Split
from nas.nets.data.progress import Tell, tell_nothing
from nas.nets.data.reading.arrays import cut_centre
from nas.nets.data.reading.description import Description
from nas.nets.data.reading.names import BACKGROUND, SPLITS, SplitName
from nas.nets.data.reading.notes import counted, note_copies, order_note
from nas.nets.data.reading.source import Labelled, SplitArrays
from nas.nets.data.reading.split import digest_of, side_quantiles, split_parts, stratified
from nas.nets.data.style import USUAL_SIZE

__all__ = ["USUAL_SIZE", "Data", "Labelled", "Split", "describe_data", "load_data", "make_data", "stratified"]


class Data(Struct, frozen=True, eq=False):
    """A data set at its stored size. `val` is for decisions, `test` is looked at once; `digest` names the content.

    `sides` holds the 10 %, 50 % and 90 % quantiles of the shorter side, in pixels, of the training images as they
    came, before they were stored at one size. `description` says what was understood.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    digest: str
    notes: tuple[str, ...] = ()
    sides: tuple[int, int, int] = (0, 0, 0)
    description: Description | None = None

    @property
    def task(self) -> TaskName:
        """What the labels are for."""
        return self.description.task if self.description else "classification"

    @property
    def line(self) -> str:
        """One line that says what was understood of the source."""
        return self.description.line if self.description else f"{self.name}; {len(self.classes)} classes."

    @property
    def size(self) -> Size:
        """Size of the images in pixels, as they are stored."""
        return make_size(*self.train.shape[2:])

    def to(self, where: torch.device) -> "Data":
        """The data on a device."""
        return replace(self, train=self.train.to(where), val=self.val.to(where), test=self.test.to(where))

    @property
    def photos(self) -> bool:
        """Whether the images have colour."""
        return self.train.shape[1] == 3

    @property
    def mirror(self) -> bool:
        """Whether images are mirrored while training: photographs, unless a mirrored one is no longer of its class."""
        return self.photos and (self.description is None or self.description.mirror)


def load_data(spec: str, seed: int = 0, largest: Size | None = None, say: Tell = tell_nothing) -> Data:
    """Load the data set that `--data` names: `scenes`, `digits`, a folder, an archive, a table, shards, an .npz.

    `largest` is the largest resolution in pixels that will be used (256 if None): images are cut to its aspect (see
    `reading.picture`) and stored no larger (see `size_to_store`). Those that would take more than 4 GB of memory stay
    encoded on disk, in a store; `say` is told if one is made.
    Splits that the source has are kept; what is missing is split off the training images, stratified, by `seed`
    alone. Raises InvalidData with the rule that was broken.
    """
    return make_data(Path(spec).name, *describe_data(spec, seed, largest, say))


def make_data(name: str, found: Description, parts: Mapping[SplitName, SplitArrays]) -> Data:
    """Return data of any task from what was understood of it and its splits train, val and test.

    The classes of detection begin with the background, as the outputs of networks do.
    """
    train, val, test = (_as_split(parts[split]) for split in SPLITS)
    digest = digest_of([parts[split] for split in SPLITS])
    classes = (*([BACKGROUND] if found.task == "detection" else []), *found.classes)
    return Data(name, classes, train, val, test, digest, found.notes, found.sides, found)


def describe_data(
    spec: str, seed: int = 0, largest: Size | None = None, say: Tell = tell_nothing
) -> tuple[Description, dict[SplitName, SplitArrays]]:
    """Read a data set; return what was understood, and the splits train, val and test with the names of images."""
    if not spec.strip():
        raise InvalidData(
            "--data is empty. Give 'scenes', 'digits', a folder with a folder of images for every class, an archive of "
            "one, or an .npz."
        )
    source = _source(spec, largest, say)
    parts, split_off = split_parts(spec, source, seed)
    description = Description(
        task="classification",
        layout=source.layout,
        classes=source.classes,
        counts={split: counted(part.labels, len(source.classes)) for split, part in parts.items()},
        left_out=source.left_out,
        stored_resolution=make_size(*source.images.shape[2:]),
        sides=side_quantiles(parts["train"]),
        split_off=split_off,
        mirror=source.mirror,
        notes=(*source.notes, *_notes(source, parts, split_off, seed)),
    )
    return description, parts


def _notes(
    source: Labelled, parts: dict[SplitName, SplitArrays], split_off: tuple[SplitName, ...], seed: int
) -> tuple[str, ...]:
    """Return sentences about classes and splits."""
    alone = split_off == ("test",)
    made = f"There is no test split: {len(parts['test'].labels)} training images were split off as one, by seed {seed}."
    return (*order_note(source.classes), *([made] if alone else []), *note_copies(parts))


def size_to_store(resolution: Size) -> Size:
    """Return the largest size that images are stored at for networks up to a resolution, of its aspect.

    Its shorter side is USUAL_SIZE or more: what is tried later may be larger.

    >>> size_to_store(224), size_to_store((384, 640)), size_to_store((96, 160))
    (256, (384, 640), (256, 427))
    """
    return scale_size(resolution, USUAL_SIZE) if shorter_side(resolution) < USUAL_SIZE else resolution


def _source(spec: str, largest: Size | None, say: Tell) -> Labelled:
    path = Path(spec).expanduser()
    if spec == "scenes":
        from nas.nets.data.scenes import make_scenes

        return _cut(make_scenes(), largest or 1)
    if spec == "digits":
        return _cut(_digits(), largest or 1)
    return _read_files(spec, path, largest, say)


def _read_files(spec: str, path: Path, largest: Size | None, say: Tell) -> Labelled:
    from nas.nets.data.npz import is_npz, read_npz
    from nas.nets.data.pictures import read_pictures
    from nas.nets.data.sources.open import is_source
    from nas.nets.data.sources.saved import HUB, fetch_by_name

    if spec.startswith(HUB):
        return read_pictures(str(fetch_by_name(spec, cache_folder())), largest, say)
    if path.is_file() and is_npz(path):
        return read_npz(path, largest or 1)
    if is_source(str(path)):
        return read_pictures(str(path), largest, say)
    raise InvalidData(
        f"{spec}: no such data set. Give 'scenes', 'digits', a folder with a folder of images for every class, an "
        "archive of one, a table of paths and labels, shards, hf:OWNER/NAME, or an .npz file with x_train, y_train, "
        "x_test and y_test."
    )


def _cut(source: Labelled, aspect: Size) -> Labelled:
    """Return square images that are in memory cut to the aspect of a size."""
    if isinstance(aspect, int):
        return source

    def cut(images: Any) -> NDArray[np.uint8]:
        assert isinstance(images, np.ndarray), "what the tool brings is in memory"
        return cut_centre(images, aspect)

    val, test = ((cut(part[0]), part[1]) if part is not None else None for part in (source.val, source.test))
    return replace(source, images=cut(source.images), val=val, test=test)


def _digits() -> Labelled:
    """8x8 grey levels 0 to 16 (UCI optical recognition of handwritten digits, test part), brought to 0 to 255."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    names = tuple(str(digit) for digit in range(10))
    return Labelled(names, images, bunch.target.astype(np.int64), layout="scikit-learn's digits")


def _as_split(part: SplitArrays) -> Split:
    labels = torch.from_numpy(np.require(part.labels, requirements=["C", "W"]))
    if isinstance(part.images, np.ndarray):
        return Split(torch.from_numpy(np.ascontiguousarray(part.images)), labels)
    return Split(part.images, labels)
