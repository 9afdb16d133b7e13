"""YOLO text: rows of a class and a box or a polygon in shares of the image, one file for each image."""

import os
from collections.abc import Mapping
from itertools import islice
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from nas.errors import InvalidData
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import SplitName
from nas.tasks.documents import read_lines
from nas.tasks.folder_names import split_in_path
from nas.tasks.lists import IN_TWO_LISTS, KEPT_FIRST, find_lists, read_class_names
from nas.tasks.source import Source
from nas.tasks.yolo_settings import YoloSettings, read_yolo_settings

BAD_ROW = "rows that are not a class and a box or a polygon"
SCORED_ROW = "rows of six numbers, as predictions with a score have them"
BAD_CLASS = "rows whose class is no whole number from 0"
BEYOND_NAMES = "rows of a class beyond the names"
IN_PIXELS = "rows with coordinates above 2, probably in pixels, where shares of the image from 0 to 1 are meant"
SEVERAL = "images of a name that several have, so that their labels cannot be told apart"
NO_IMAGE_OF_TEXT = "label files whose image is not there"
UNREADABLE = "label files that are no text"
IN_NO_SPLIT = "images that no split of data.yaml or list of images names"
_MOST_SHARE = 2.0  # above it a coordinate is no share of an image, not even of a box that reaches far outside
_MOST_CLASSES = 100_000
_SNIFFED = 20
_NAMES_OF_TABLES = frozenset(
    {"classes", "train", "val", "test", "valid", "readme", "readme.roboflow", "readme.dataset"}
)


class YoloRow(Struct, frozen=True):
    """A row: a class, and in shares of width and height a box (centre x, y, width, height) or a polygon (x, y, ...)."""

    label: int
    values: tuple[float, ...]
    where: str

    @property
    def is_polygon(self) -> bool:
        """Whether the row is a polygon."""
        return len(self.values) > 4


class YoloImage(Struct, frozen=True):
    """An image and its rows: none if its label file is empty or, which is not `labelled`, missing."""

    path: str
    split: SplitName
    rows: tuple[YoloRow, ...]
    labelled: bool = True


class Yolo(Struct, frozen=True):
    """All images of a folder with YOLO text, and the classes."""

    layout: str
    classes: tuple[str, ...]
    images: tuple[YoloImage, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def find_yolo(source: Source) -> tuple[str, ...]:
    """Return what the first label files of a folder hold, "boxes" and "polygons"; empty if it has none.

    Label files are texts that are called like an image and whose rows are numbers.
    """
    texts = (path for path in source.ending_with(".txt") if source.pictures.partners(source.documents.key(path)))
    quiet = LeftOuts(source.root)
    filled = (rows for path in texts if (rows := _rows(path, 0, quiet)) or quiet.count(IN_PIXELS))
    found = {"polygons" if row.is_polygon else "boxes" for rows in islice(filled, _SNIFFED) for row in rows}
    return tuple(sorted(found | ({"boxes"} if quiet.count(IN_PIXELS) else set())))


def read_yolo(source: Source) -> Yolo:
    """Return the rows of all label files below a folder; raises InvalidData if data.yaml is wrong."""
    settings = read_yolo_settings(source)
    names = settings.names or read_class_names(source)
    splits, found_by = _splits(source, settings)
    images = [image for path in source.pictures.paths if (image := _image(source, path, splits, settings.keypoints))]
    _leave_texts(source)
    labels = {row.label for image in images for row in image.rows}
    classes = names or tuple(map(str, range(max(labels, default=-1) + 1)))
    if not classes:
        raise InvalidData(f"{source.root}: no label file there has a row that can be read.{source.why()}")
    images = [_within_names(image, len(classes), source.left_out) for image in images]
    notes = [] if names else ["Nothing names the classes (data.yaml, classes.txt); they are called by their numbers."]
    if bare := sum(not image.labelled for image in images):
        notes.append(f"{bare} images have no label file: nothing is on them, as YOLO takes it.")
    layout = f"YOLO text, splits by {found_by}"
    warnings = (*settings.warnings, *_from_one(labels, names), *_pixels(source.left_out, images))
    return Yolo(layout, classes, tuple(images), (*notes, *settings.notes), warnings)


def _splits(source: Source, settings: YoloSettings) -> tuple[Mapping[str, SplitName] | None, str]:
    """Return the split of every image, None if folders say it, and what says so."""
    if settings.splits:
        return settings.splits, settings.name
    found: dict[str, SplitName] = {}
    lists = find_lists(source, "")
    for split in (split for split in KEPT_FIRST if split in lists):
        for line in read_lines(lists[split]):
            path = source.pictures.named(line.strip(), os.path.dirname(lists[split]), split) if line.strip() else None
            if path is not None and found.setdefault(path, split) != split:
                source.left_out.add(IN_TWO_LISTS, path)
    return (found, "lists of images") if found else (None, "folders")


def _image(source: Source, path: str, splits: Mapping[str, SplitName] | None, keypoints: int) -> YoloImage | None:
    key = source.pictures.key(path)
    if len(source.pictures.partners(key)) > 1:
        source.left_out.add(SEVERAL, path)
        return None
    split = (split_in_path(source.relative(path)) or "train") if splits is None else splits.get(path)
    if split is None:
        source.left_out.add(IN_NO_SPLIT, path)
        return None
    texts = [text for text in source.documents.partners(key) if text.casefold().endswith(".txt")]
    rows = _rows(texts[0], keypoints, source.left_out) if len(texts) == 1 else ()
    if len(texts) > 1:
        source.left_out.add(SEVERAL, path)
        return None
    return YoloImage(path, split, tuple(rows), labelled=bool(texts))


def _rows(path: str, keypoints: int, left_out: LeftOuts) -> list[YoloRow]:
    try:
        lines = read_lines(path)
    except InvalidData:
        left_out.add(UNREADABLE, path)
        return []
    found = []
    for number, line in enumerate(lines, 1):
        row = _row(line.split(), keypoints, f"{path}:{number}") if line.strip() else None
        if isinstance(row, str):
            left_out.add(row, f"{path}:{number}")
        elif row is not None:
            found.append(row)
    return found


def _row(words: list[str], keypoints: int, where: str) -> YoloRow | str:
    """Return a row, or the reason why it is left out."""
    try:
        label, *values = map(float, words)
    except ValueError:
        return BAD_ROW
    if keypoints and len(values) == 4 + keypoints:
        values = values[:4]
    if len(values) == 5:
        return SCORED_ROW
    if not (len(values) == 4 or (len(values) >= 6 and len(values) % 2 == 0)):
        return BAD_ROW
    if not (0 <= label < _MOST_CLASSES and label.is_integer()):
        return BAD_CLASS
    if not all(-inf < value < inf for value in values):
        return BAD_ROW
    return IN_PIXELS if max(map(abs, values)) > _MOST_SHARE else YoloRow(int(label), tuple(values), where)


def _within_names(image: YoloImage, count: int, left_out: LeftOuts) -> YoloImage:
    for row in image.rows:
        if row.label >= count:
            left_out.add(BEYOND_NAMES, row.where)
    return replace(image, rows=tuple(row for row in image.rows if row.label < count))


def _leave_texts(source: Source) -> None:
    """Count the label files without an image; lists and read-me files are none."""
    for path in source.ending_with(".txt"):
        key = source.documents.key(path)
        if not source.pictures.partners(key) and key[-1].casefold() not in _NAMES_OF_TABLES:
            source.left_out.add(NO_IMAGE_OF_TEXT, path)


def _from_one(labels: set[int], names: tuple[str, ...]) -> list[str]:
    """Return a warning if classes seem to count from 1."""
    if not names or 0 in labels or max(labels, default=0) != len(names):
        return []
    return [
        f"Class numbers run from {min(labels)} to {len(names)} and 0 never occurs, but there are {len(names)} names: "
        "they probably count from 1, and YOLO's count from 0. As they are, every object gets the name of the next "
        "class, and those of the last are left out. Take 1 from the first number of every row."
    ]


def _pixels(left_out: LeftOuts, images: list[YoloImage]) -> list[str]:
    count, good = left_out.count(IN_PIXELS), sum(len(image.rows) for image in images)
    if count <= good:
        return []
    return [
        f"{count} of {count + good} rows have coordinates above 2: they are probably pixels, but YOLO's are shares of "
        "the image's width and height. Divide x by the width and y by the height."
    ]
