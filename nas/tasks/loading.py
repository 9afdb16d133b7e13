"""Data with boxes or masks as arrays to train on: three splits of images stretched to one size, and their labels."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.dense.head import TaskName
from nas.design.size import Size, area, describe_size, height_width
from nas.errors import InvalidData
from nas.nets.data.reading.depth import Depth
from nas.nets.data.reading.description import Description
from nas.nets.data.reading.names import SPLITS, SplitName
from nas.nets.data.reading.notes import note_copies, picture_notes
from nas.nets.data.reading.picture import ImageHeader, read_depth, read_head
from nas.nets.data.reading.source import SplitArrays
from nas.nets.data.reading.split import MADE_SPLITS, share_to_split_off, side_quantiles
from nas.nets.data.style import MOST_IN_MEMORY, USUAL_SIZE
from nas.tasks.describing import warn_classes
from nas.tasks.detection.sample import BoxSample, DetectionData
from nas.tasks.reading import TaskData
from nas.tasks.segmentation.sample import VOID, Mask, MaskSample, SegmentationData
from nas.tasks.source import TaskFolder
from nas.tasks.stretching import Label, LabelForm, LabelledPicture, choose_size, read_stretched, stretch_mask

LoadedData = tuple[Description, dict[SplitName, SplitArrays]]
T = TypeVar("T")
_LEAST_IMAGES = 3  # one for each split
_ROW = 8  # numbers that tell of an object


class _Labels(Struct, frozen=True):
    """The labels of a task: their form, and which classes one of them shows."""

    task: TaskName
    form: LabelForm
    find_classes: Callable[[Label], NDArray[np.int64]]


def load_boxes(source: TaskFolder, data: DetectionData, largest: Size | None = None, seed: int = 0) -> LoadedData:
    """Return images with boxes as arrays: labels float32 [N, M, 8], a row an object.

    A row holds left, top, right and bottom in shares of the image, the class, from 1 on, whether the object is ignored
    when detections are judged (a crowd or difficult), and width and height of the image as it came, in pixels. Rows
    that are no object have the class -1. For `largest`, splits and what is raised see `load_masks`.
    """
    size = _choose_size(source, data.splits, largest)
    most = max([1, *(len(one.labels) for part in data.splits.values() for one in part)])
    labels = _Labels("detection", LabelForm((most, _ROW), np.float32), _classes_of_rows)
    pictures = {
        split: [LabelledPicture(one.path, one.size, one.path, partial(write_rows, one, most)) for one in part]
        for split, part in data.splits.items()
    }
    return _load(source, data, labels, pictures, size, seed)


def load_masks(source: TaskFolder, data: SegmentationData, largest: Size | None = None, seed: int = 0) -> LoadedData:
    """Return images with masks as arrays: labels uint8 [N, H, W] at the size of the images, 255 for void.

    Images are stretched to the aspect of `largest`, the largest resolution in pixels that will be used (256 if None),
    see `choose_size`. Splits that the data has are kept; what is missing is split off the training images by `seed`
    alone. Raises InvalidData for too few training images, or more than fit into memory.
    """
    size = _choose_size(source, data.splits, largest)
    labels = _Labels("segmentation", LabelForm(height_width(size), np.uint8), _classes_of_mask)
    pictures = {
        split: [LabelledPicture(one.path, one.size, one.mask, partial(_read_mask, one, size)) for one in part]
        for split, part in data.splits.items()
    }
    return _load(source, data, labels, pictures, size, seed)


def _choose_size(
    source: TaskFolder, splits: Mapping[SplitName, Sequence[BoxSample | MaskSample]], largest: Size | None
) -> Size:
    """Return the size to store images at, by those of training; raises InvalidData if there are hardly any."""
    train = splits.get("train", ())
    if not train:
        others = " and ".join(f"{len(part)} {split}" for split, part in splits.items())
        raise InvalidData(
            f"{source.root}: holds no images to train on, but {others} images. Put images and annotations into train, "
            f"or name the folder that has both.{source.why()}"
        )
    if len(train) < _LEAST_IMAGES:
        raise InvalidData(
            f"{source.root}: holds {len(train)} images to train on, but {_LEAST_IMAGES} are the least.{source.why()}"
        )
    return choose_size([one.size for one in train], largest or USUAL_SIZE)


def _load(
    source: TaskFolder,
    data: TaskData[object],
    labels: _Labels,
    given: Mapping[SplitName, Sequence[LabelledPicture]],
    size: Size,
    seed: int,
) -> LoadedData:
    pictures, split_off = complete_splits(given, seed)
    everything = [one for part in pictures.values() for one in part]
    _require_memory(source, len(everything), 3 * area(size) + labels.form.bytes, size)
    depth, notes = _find_depth([one.path for one in everything])
    parts = {split: read_stretched(part, size, labels.form, depth, source.left_out) for split, part in pictures.items()}
    _require_images(source, pictures, parts)
    counts = _count_classes(source, parts, labels, len(data.classes))
    made = (*_note_made(parts, split_off, seed), *_note_size(everything, size))
    warnings = (*data.warnings, *note_copies(parts), *warn_classes(data.classes, counts))
    description = Description(
        task=labels.task,
        layout=data.layout,
        classes=data.classes,
        counts=counts,
        left_out=source.left_out.all(),
        stored_resolution=size,
        sides=side_quantiles(parts["train"]),
        split_off=split_off,
        notes=(*data.notes, *notes, *made, *warnings),
        images={split: len(part.labels) for split, part in parts.items()},
    )
    return description, parts


def complete_splits(
    splits: Mapping[SplitName, Sequence[T]], seed: int
) -> tuple[dict[SplitName, list[T]], tuple[SplitName, ...]]:
    """Return all three splits, and which of them were split off the training images, at random by seed alone."""
    found = {split: list(part) for split, part in splits.items()}
    missing = tuple(split for split in MADE_SPLITS if not found.get(split))
    for split in missing:
        train = found["train"]
        count = max(1, round(share_to_split_off(split, missing, len(train)) * len(train)))
        held = set(np.random.default_rng(seed % 2**63).permutation(len(train))[:count].tolist())
        found[split] = [one for place, one in enumerate(train) if place in held]
        found["train"] = [one for place, one in enumerate(train) if place not in held]
    return {split: found[split] for split in SPLITS}, missing


def _require_images(
    source: TaskFolder, pictures: Mapping[SplitName, Sequence[object]], parts: Mapping[SplitName, SplitArrays]
) -> None:
    """Raise InvalidData if none of the pictures of a split can be used."""
    for split, part in parts.items():
        if not len(part.labels):
            count = len(pictures[split])
            raise InvalidData(f"{source.root}: none of {count} {split} images can be used.{source.why()}")


def _count_classes(
    source: TaskFolder, parts: Mapping[SplitName, SplitArrays], labels: _Labels, classes: int
) -> dict[str, tuple[int, ...]]:
    """Return how many images of each split show each class; raises InvalidData if those of training show none."""
    found: dict[str, tuple[int, ...]] = {}
    for split, part in parts.items():
        shown = np.concatenate([labels.find_classes(label) for label in part.labels])
        found[split] = tuple(np.bincount(shown, minlength=classes).tolist())
    if not any(found["train"]):
        raise InvalidData(f"{source.root}: no training image shows any class: there is nothing to learn.{source.why()}")
    return found


def _require_memory(source: TaskFolder, images: int, each: int, size: Size) -> None:
    if images * each > MOST_IN_MEMORY:
        raise InvalidData(
            f"{source.root}: {images} images with labels take {images * each / 1e9:.1f} GB at {describe_size(size)} px,"
            f" but {MOST_IN_MEMORY / 1e9:g} GB of memory are the most that data for boxes and masks may take: "
            f"{MOST_IN_MEMORY // each} images fit. Use a smaller --resolution, or a folder with fewer images."
        )


def _find_depth(paths: Sequence[str]) -> tuple[Depth | None, tuple[str, ...]]:
    """Return the rule for images of more than 8 bits, None if there are none, and notes on images that are unusual."""
    heads = {path: head for path in paths if isinstance(head := read_head(path), ImageHeader)}
    deep = [(path, head.format) for path, head in heads.items() if head.deep]
    depth = read_depth(deep, len(deep) < len(heads))
    return depth, picture_notes(len(deep), sum(head.frames for head in heads.values()), depth)


def write_rows(sample: BoxSample, most: int) -> NDArray[np.float32]:
    """Return the boxes of an image as rows of a label [most, 8] (see `load_boxes`)."""
    rows = np.zeros((most, _ROW), dtype=np.float32)
    count, sides = len(sample.labels), np.array(sample.size, dtype=np.float32)
    rows[:, 4], rows[:, 6:] = -1, sides
    rows[:count, :4] = sample.boxes / np.tile(sides, 2)
    rows[:count, 4] = sample.labels + 1
    rows[:count, 5] = sample.crowd | sample.difficult
    return rows


def _read_mask(sample: MaskSample, size: Size) -> Mask | str:
    mask = sample.decode()
    return mask if isinstance(mask, str) else stretch_mask(mask, size)


def _classes_of_rows(rows: Label) -> NDArray[np.int64]:
    return np.unique(rows[rows[:, 4] > 0, 4]).astype(np.int64) - 1


def _classes_of_mask(mask: Label) -> NDArray[np.int64]:
    return np.flatnonzero(np.bincount(mask.reshape(-1), minlength=VOID + 1)[:VOID])


def _note_made(parts: Mapping[SplitName, SplitArrays], split_off: tuple[SplitName, ...], seed: int) -> tuple[str, ...]:
    """Return a sentence about the splits that were made."""
    if not split_off:
        return ()
    names = [split for split in SPLITS if split in split_off]
    counts = " and ".join(f"{len(parts[split].labels)} {split}" for split in names)
    return (f"There is no {' and no '.join(names)} split: {counts} images were split off training, by seed {seed}.",)


def _note_size(pictures: Sequence[LabelledPicture], size: Size) -> tuple[str, ...]:
    """Return that images are stretched, and how much smaller they are stored, if most are larger."""
    width, height = (round(median(one.size[axis] for one in pictures)) for axis in (0, 1))
    if (height, width) == height_width(size):
        return ()
    down, across = height_width(size)
    lost = ": finer detail is lost" if height > down or width > across else ""
    return (f"Images of {height}x{width} px (the median) are stretched to {down}x{across} px{lost}.",)
