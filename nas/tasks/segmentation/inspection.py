"""What a person should know about data with masks before training on it."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.data.reading.left_out import LeftOut, LeftOuts
from nas.tasks.describing import describe_sizes, note_missing_splits, warn_classes
from nas.tasks.segmentation.sample import VOID, MaskSample, SegmentationData

_MOST_DECODED = 5000  # masks of a split; of more so many are counted, evenly spaced
_MUCH_VOID = 0.5
_Counts = NDArray[np.int64]


class SegmentationInspection(Struct, frozen=True, kw_only=True):
    """Data with masks as `nas data` shows it.

    By split: `splits` images, `counts` pixels of each class, `images_with` images that show each class, `void` the
    share of pixels that are void. `sides` are the shorter sides of all images in pixels.
    """

    task: str = "segmentation"
    layout: str
    classes: tuple[str, ...]
    splits: Mapping[str, int]
    counts: Mapping[str, tuple[int, ...]]
    images_with: Mapping[str, tuple[int, ...]]
    void: Mapping[str, float]
    sides: Mapping[str, int]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


class _Split(Struct, frozen=True):
    """What the masks of a split hold: images, pixels of each class and void, images that show each class."""

    images: int
    pixels: _Counts
    shown: _Counts
    notes: tuple[str, ...]


def inspect_masks(data: SegmentationData, left_out: LeftOuts) -> SegmentationInspection:
    """Return what is known of data with masks; decodes them, and counts those that cannot be used as left out."""
    count = len(data.classes)
    found = {split: _count_split(split, part, count, left_out) for split, part in data.splits.items()}
    images_with: dict[str, tuple[int, ...]] = {split: tuple(one.shown[:count].tolist()) for split, one in found.items()}
    void: dict[str, float] = {split: float(one.pixels[VOID] / max(one.pixels.sum(), 1)) for split, one in found.items()}
    notes = [note for one in found.values() for note in one.notes]
    return SegmentationInspection(
        layout=data.layout,
        classes=data.classes,
        splits={split: one.images for split, one in found.items()},
        counts={split: tuple(one.pixels[:count].tolist()) for split, one in found.items()},
        images_with=images_with,
        void=void,
        sides=describe_sizes(min(one.size) for part in data.splits.values() for one in part),
        left_out=left_out.all(),
        notes=(*data.notes, *notes, *note_missing_splits(data.splits)),
        warnings=(*data.warnings, *warn_classes(data.classes, images_with), *_warn_void(void)),
    )


def _count_split(split: str, part: Sequence[MaskSample], count: int, left_out: LeftOuts) -> _Split:
    looked_at = (
        part if len(part) <= _MOST_DECODED else [part[k * len(part) // _MOST_DECODED] for k in range(_MOST_DECODED)]
    )
    pixels, shown, bad = np.zeros(256, dtype=np.int64), np.zeros(256, dtype=np.int64), 0
    for sample in looked_at:
        mask = sample.decode()
        if isinstance(mask, str):
            left_out.add(mask, sample.mask)
            bad += 1
        else:
            here = np.bincount(mask.reshape(-1), minlength=256)
            pixels += here
            shown += here > 0
    fewer = len(looked_at) < len(part)
    note = f"Pixels of {len(looked_at)} of {len(part)} {split} images were counted, evenly spaced."
    return _Split(len(part) - bad, pixels, shown, (note,) if fewer else ())


def _warn_void(void: Mapping[str, float]) -> list[str]:
    return [f"{share:.0%} of the pixels of {split} are void." for split, share in void.items() if share > _MUCH_VOID]
