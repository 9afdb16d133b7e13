"""Boxes of YOLO text: centre, width and height in shares of the upright image; of a polygon its bounds."""

from nas.tasks.detection.sample import WrittenBox, WrittenData, WrittenImage
from nas.tasks.source import Source
from nas.tasks.yolo import YoloRow, read_yolo


def read_yolo_boxes(source: Source) -> WrittenData:
    """Return the boxes of all label files below a folder; an image without one is background."""
    yolo = read_yolo(source)
    images = tuple(
        WrittenImage(image.path, image.split, tuple(map(_box, image.rows)), unit="shares") for image in yolo.images
    )
    polygons = sum(row.is_polygon for image in yolo.images for row in image.rows)
    notes = (f"{polygons} rows are polygons; their boxes are the bounds.",) if polygons else ()
    return WrittenData(yolo.layout, yolo.classes, images, (*yolo.notes, *notes), yolo.warnings)


def _box(row: YoloRow) -> WrittenBox:
    return WrittenBox(row.label, _bounds(row.values) if row.is_polygon else _corners(row.values), row.where)


def _corners(values: tuple[float, ...]) -> tuple[float, float, float, float]:
    x, y, width, height = values
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _bounds(values: tuple[float, ...]) -> tuple[float, float, float, float]:
    return min(values[0::2]), min(values[1::2]), max(values[0::2]), max(values[1::2])
