"""Boxes as they were written, brought to the upright image: turned, clipped, or left out with the reason."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nas.nets.data.reading.left_out import LeftOuts, some
from nas.nets.data.reading.names import SPLITS, SplitName
from nas.tasks.detection.sample import BoxSample, DetectionData, WrittenBox, WrittenData, WrittenImage
from nas.tasks.pictures import read_upright_size
from nas.tasks.placing import Placement, find_placement

NO_NUMBERS = "boxes with corners that are no finite numbers"
INVERTED = "boxes whose right or lower edge is left of or above the other one"
EMPTY = "boxes without area"
OUTSIDE_IMAGE = "boxes wholly outside their image"
OTHER_SIZE = "images whose annotation is for an image of another size and shape"
TWICE = "images that are listed twice in a split"
_OVER_PX = 0.5  # by which a box may reach over an edge before it counts as clipped: rounding does that
_Floats = NDArray[np.float64]


def check_boxes(written: WrittenData, left_out: LeftOuts) -> DetectionData:
    """Return images with boxes that lie within them; what is left out is counted, what is changed becomes a note."""
    tally: dict[str, list[str]] = {}
    splits: dict[SplitName, list[BoxSample]] = {}
    seen: set[tuple[SplitName, str]] = set()
    for image in written.images:
        if (image.split, image.path) in seen:
            left_out.add(TWICE, image.path)
        elif (sample := _sample(image, left_out, tally)) is not None:
            splits.setdefault(image.split, []).append(sample)
        seen.add((image.split, image.path))
    ordered = {split: tuple(splits[split]) for split in SPLITS if split in splits}
    notes, warnings = _tell(tally, left_out)
    return DetectionData(
        layout=written.layout,
        classes=written.classes,
        splits=ordered,
        notes=(*written.notes, *notes),
        warnings=(*written.warnings, *warnings, *_shared_images(seen, left_out)),
    )


def _sample(image: WrittenImage, left_out: LeftOuts, tally: dict[str, list[str]]) -> BoxSample | None:
    picture = read_upright_size(image.path)
    if isinstance(picture, str):
        left_out.add(picture, image.path)
        return None
    written = (float(picture.width), float(picture.height)) if image.unit == "shares" else image.size
    placement = find_placement(picture, written)
    if image.unit == "shares" and picture.orientation != 1:
        placement = Placement("unsure", picture)
    if placement is None or (placement.kind == "scaled" and not _within(image)):
        left_out.add(OTHER_SIZE, image.path)
        return None
    if placement.kind != "fits" and image.boxes:
        tally.setdefault(placement.kind, []).append(image.path)
    return _checked(image, placement, left_out, tally)


def _within(image: WrittenImage) -> bool:
    """Tell whether all boxes lie within the written size; if not, that size is not to be trusted."""
    width, height = image.size or (np.inf, np.inf)
    return all(box.corners[2] <= width + 1 and box.corners[3] <= height + 1 for box in image.boxes)


def _checked(image: WrittenImage, placement: Placement, left_out: LeftOuts, tally: dict[str, list[str]]) -> BoxSample:
    size = placement.picture.seen
    scale = np.array([*size, *size]) if image.unit == "shares" else 1.0
    kept: list[WrittenBox] = []
    corners: list[NDArray[np.float32]] = []
    for box in image.boxes:
        found = _place(np.array(box.corners, dtype=np.float64) * scale, placement)
        if isinstance(found, str):
            left_out.add(found, box.where)
            continue
        inside = np.clip(found, 0, [*size, *size]).astype(np.float32)
        if (inside[:2] >= inside[2:]).any():
            left_out.add(EMPTY, box.where)
            continue
        if np.abs(inside - found).max() > _OVER_PX:
            tally.setdefault("clipped", []).append(box.where)
        kept.append(box)
        corners.append(inside)
    return _as_sample(image.path, size, kept, corners)


def _as_sample(
    path: str, size: tuple[int, int], kept: list[WrittenBox], corners: list[NDArray[np.float32]]
) -> BoxSample:
    return BoxSample(
        path=path,
        size=size,
        boxes=np.array(corners, dtype=np.float32).reshape(-1, 4),
        labels=np.array([box.label for box in kept], dtype=np.int64),
        crowd=np.array([box.crowd for box in kept], dtype=np.bool_),
        difficult=np.array([box.difficult for box in kept], dtype=np.bool_),
        truncated=np.array([box.truncated for box in kept], dtype=np.bool_),
    )


def _place(corners: _Floats, placement: Placement) -> _Floats | str:
    """Return the corners [4] of a box on the upright image, or why it is left out."""
    if not np.isfinite(corners).all():
        return NO_NUMBERS
    if (corners[2:] < corners[:2]).any():
        return INVERTED
    points = placement.place(corners.reshape(2, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.array(placement.picture.seen)
    if (low < high).all() and ((low >= size) | (high <= 0)).any():
        return OUTSIDE_IMAGE
    return np.concatenate([low, high])


_NOTES = {
    "turned": "{} turned by EXIF have boxes that were drawn on the image as stored, as the written sizes say; the "
    "boxes are turned with their images: {}.",
    "clipped": "{} over the edge of their image are clipped to it: {}.",
}
_WARNINGS = {
    "scaled": "{} have annotations for an image of another size but the same shape; the boxes are scaled to the image: "
    "{}. Look at them with --samples.",
    "unsure": "{} turned or mirrored by EXIF do not say whether their boxes were drawn before or after; they are taken "
    "as drawn on the upright image: {}. Look at them with --samples.",
}


def _tell(tally: dict[str, list[str]], left_out: LeftOuts) -> tuple[list[str], list[str]]:
    """Return the notes and the warnings about what was changed."""

    def say(kind: str, sentence: str) -> str:
        found = tally[kind]
        noun = "boxes" if kind == "clipped" else "images"
        return sentence.format(f"{len(found)} {noun}", some([left_out.name_of(one) for one in found[:3]], len(found)))

    return (
        [say(kind, text) for kind, text in _NOTES.items() if kind in tally],
        [say(kind, text) for kind, text in _WARNINGS.items() if kind in tally],
    )


def _shared_images(seen: Iterable[tuple[SplitName, str]], left_out: LeftOuts) -> list[str]:
    """Return a warning if images are in several splits."""
    counts = Counter(path for _, path in seen)
    found = sorted(left_out.name_of(path) for path, count in counts.items() if count > 1)
    return [f"{len(found)} images are in more than one split: {some(found)}."] if found else []
