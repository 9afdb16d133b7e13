"""What a person should know about data with boxes before training on it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.data.reading.left_out import LeftOut, LeftOuts
from nas.tasks.describing import describe_sizes, note_missing_splits, warn_classes
from nas.tasks.detection.sample import BoxSample, DetectionData

_SMALL, _LARGE = 32**2, 96**2  # px²: COCO's small boxes are below the first, its large ones above the second
Told = TypeVar("Told")


class DetectionInspection(Struct, frozen=True, kw_only=True):
    """Data with boxes as `nas data` shows it.

    By split: `splits` images, `counts` boxes of each class, `images_with` images that show each class,
    `images_without_boxes`, `box_areas` the shares of small, medium and large boxes (COCO's, by the area of the box),
    `flags` the crowd, difficult and truncated boxes. In pixels: `box_sides` square roots of the areas of all boxes,
    `sides` shorter sides of all images.
    """

    task: str = "detection"
    layout: str
    classes: tuple[str, ...]
    splits: Mapping[str, int]
    counts: Mapping[str, tuple[int, ...]]
    images_with: Mapping[str, tuple[int, ...]]
    images_without_boxes: Mapping[str, int]
    box_areas: Mapping[str, Mapping[str, float]]
    box_sides: Mapping[str, int]
    flags: Mapping[str, Mapping[str, int]]
    sides: Mapping[str, int]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def inspect_boxes(data: DetectionData, left_out: LeftOuts) -> DetectionInspection:
    """Return what is known of data with boxes, with notes and warnings."""
    count = len(data.classes)
    images_with = _by_split(data, lambda part: _count(np.concatenate([np.unique(one.labels) for one in part]), count))
    everything = [sample for part in data.splits.values() for sample in part]
    return DetectionInspection(
        layout=data.layout,
        classes=data.classes,
        splits=_by_split(data, len),
        counts=_by_split(data, lambda part: _count(np.concatenate([one.labels for one in part]), count)),
        images_with=images_with,
        images_without_boxes=_by_split(data, lambda part: sum(len(one.labels) == 0 for one in part)),
        box_areas=_by_split(data, _share_areas),
        box_sides=describe_sizes(np.sqrt(_areas(everything))),
        flags=_by_split(data, _count_flags),
        sides=describe_sizes(min(one.size) for one in everything),
        left_out=left_out.all(),
        notes=(*data.notes, *note_missing_splits(data.splits)),
        warnings=(*data.warnings, *warn_classes(data.classes, images_with)),
    )


def _by_split(data: DetectionData, tell: Callable[[Sequence[BoxSample]], Told]) -> dict[str, Told]:
    return {split: tell(part) for split, part in data.splits.items()}


def _count(labels: NDArray[np.int64], count: int) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=count).tolist())


def _areas(part: Sequence[BoxSample]) -> NDArray[np.float64]:
    boxes = np.concatenate([one.boxes for one in part]).astype(np.float64)
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def _share_areas(part: Sequence[BoxSample]) -> dict[str, float]:
    areas = _areas(part)
    total = max(len(areas), 1)
    small, large = int((areas < _SMALL).sum()), int((areas > _LARGE).sum())
    return {"small": small / total, "medium": (len(areas) - small - large) / total, "large": large / total}


def _count_flags(part: Sequence[BoxSample]) -> dict[str, int]:
    return {
        "crowd": sum(int(one.crowd.sum()) for one in part),
        "difficult": sum(int(one.difficult.sum()) for one in part),
        "truncated": sum(int(one.truncated.sum()) for one in part),
    }
