"""Masks drawn from shapes: the polygons and run-length codes of an image become one class a pixel."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np
from msgspec import Struct

from nas.errors import InvalidData
from nas.nets.data.reading.names import BACKGROUND, SPLITS, SplitName
from nas.tasks.coco import CocoAnnotation, CocoImage, CocoPart, decode_raw, has_polygons, read_coco
from nas.tasks.pictures import UprightSize, read_upright_size
from nas.tasks.placing import Placement, find_placement, turn_mask
from nas.tasks.segmentation.sample import MOST_MASK_CLASSES, VOID, Mask, MaskSample, SegmentationData
from nas.tasks.segmentation.shapes import Bits, Points, decode_runs, draw_polygon, expand_runs, lay_shape
from nas.tasks.source import TaskFolder
from nas.tasks.yolo import YoloRow, read_yolo

NO_SHAPE = "annotations without polygons or run-length code"
BROKEN_SHAPE = "annotations whose polygons or run-length code are broken"
OTHER_SHAPE_SIZE = "images whose shapes are for an image of another size"
BOX_ROW = "rows with a box where a polygon is needed"
TWICE_DRAWN = "images with masks that are listed twice in a split"
_DRAWN = ("Pixels of no shape are background; those that shapes of two classes claim, and those of crowds, are void.",)


class DrawnShape(Struct, frozen=True, eq=False):
    """An object of a class, as polygons or as runs, in the frame that its file describes."""

    label: int
    polygons: tuple[Points, ...] = ()
    runs: tuple[int, ...] = ()
    crowd: bool = False

    def bits(self, placement: Placement) -> Bits:
        """Return its pixels in an image as stored, if the shapes were drawn on that, else in the upright one."""
        size = frame_of(placement)
        if (drawn := decode_runs(self.runs, size)) is not None:
            return drawn
        found = np.zeros(size[::-1], dtype=np.bool_)
        for points in self.polygons:
            found |= draw_polygon(points * np.array(placement.factors), size)
        return found


def frame_of(placement: Placement) -> tuple[int, int]:
    """Return the size (width, height) of the image on which shapes were drawn."""
    return placement.picture.stored if placement.kind == "turned" else placement.picture.seen


def draw_shapes(shapes: tuple[DrawnShape, ...], placement: Placement) -> Mask:
    """Return the classes of an upright image's pixels: 0 is background, that of a shape its label + 1."""
    mask = np.zeros(frame_of(placement)[::-1], dtype=np.uint8)
    for shape in shapes:
        bits = shape.bits(placement)
        if shape.crowd:
            mask[bits] = VOID
        else:
            lay_shape(mask, bits, shape.label + 1)
    return turn_mask(mask, placement.picture.orientation) if placement.kind == "turned" else mask


def read_coco_masks(source: TaskFolder) -> SegmentationData:
    """Return the masks of all COCO files below a folder, drawn from polygons and run-length codes."""
    coco = read_coco(source)
    written = (
        (part.split, path, part.file, image.size, partial(_coco_shapes, source, coco.numbers, part, image, found))
        for part in coco.parts
        for path, image, found in part.images
    )
    files = ", ".join(source.relative(part.file) for part in coco.parts[:3])
    return _data(source, f"polygons of COCO JSON ({files})", coco.classes, written, coco.notes)


def read_yolo_masks(source: TaskFolder) -> SegmentationData:
    """Return the masks of all YOLO label files below a folder, drawn from polygons."""
    yolo = read_yolo(source)
    written = (
        (image.split, image.path, image.path, None, partial(_yolo_shapes, source, image.rows)) for image in yolo.images
    )
    return _data(source, f"polygons of {yolo.layout}", yolo.classes, written, yolo.notes, yolo.warnings)


_Shapes = Callable[[Placement], "list[DrawnShape]"]
_Written = tuple[SplitName, str, str, tuple[float, float] | None, _Shapes]


def _data(
    source: TaskFolder,
    layout: str,
    classes: tuple[str, ...],
    written: Iterable[_Written],
    notes: tuple[str, ...],
    warnings: tuple[str, ...] = (),
) -> SegmentationData:
    if len(classes) >= MOST_MASK_CLASSES:
        raise InvalidData(f"{source.root}: has {len(classes)} classes, but masks of {MOST_MASK_CLASSES - 1} are read.")
    splits: dict[SplitName, dict[str, MaskSample]] = {}
    unsure = []
    for split, path, file, size, shapes in written:
        found = _placement(path, size)
        if isinstance(found, str):
            source.left_out.add(found, path)
        elif path in splits.setdefault(split, {}):
            source.left_out.add(TWICE_DRAWN, path)
        else:
            drawn = tuple(shapes(found))
            splits[split][path] = MaskSample(path, found.picture.seen, file, partial(draw_shapes, drawn, found))
            unsure += [path] if found.kind == "unsure" and drawn else []
    ordered = {split: tuple(splits[split].values()) for split in SPLITS if split in splits}
    told = (*warnings, *([_unsure_shapes(source, unsure)] if unsure else []))
    return SegmentationData(layout, (BACKGROUND, *classes), ordered, (*notes, *_DRAWN), told)


def _placement(path: str, size: tuple[float, float] | None) -> Placement | str:
    picture = read_upright_size(path)
    if not isinstance(picture, UprightSize):
        return picture
    return find_placement(picture, size) or OTHER_SHAPE_SIZE


def _unsure_shapes(source: TaskFolder, unsure: list[str]) -> str:
    return (
        f"{len(unsure)} images turned or mirrored by EXIF do not say whether their shapes were drawn before or after; "
        f"they are taken as drawn on the upright image: {source.relative(unsure[0])}. Look at them with --samples."
    )


def _coco_shapes(
    source: TaskFolder,
    numbers: Mapping[int, int],
    part: CocoPart,
    image: CocoImage,
    found: list[CocoAnnotation],
    placement: Placement,
) -> list[DrawnShape]:
    shapes = []
    for annotation in found:
        shape = _shape(annotation, numbers[annotation.category_id], placement)
        if isinstance(shape, DrawnShape):
            shapes.append(shape)
        else:
            source.left_out.add(shape, f"{part.file}: {image.file_name}")
    return shapes


def _shape(annotation: CocoAnnotation, label: int, placement: Placement) -> DrawnShape | str:
    """Return the shape of an annotation, or the reason why it is left out."""
    if not has_polygons(annotation):
        return NO_SHAPE
    found, crowd = decode_raw(annotation.segmentation), bool(annotation.iscrowd)
    if isinstance(found, list):
        polygons = [_points(values) for values in found]
        kept = tuple(points for points in polygons if points is not None)
        return DrawnShape(label, kept, crowd=crowd) if kept and len(kept) == len(polygons) else BROKEN_SHAPE
    size = frame_of(placement)
    runs = _runs(found) if isinstance(found, dict) and found.get("size") == [size[1], size[0]] else None
    if runs is None or placement.kind == "scaled" or decode_runs(runs, size) is None:
        return BROKEN_SHAPE
    return DrawnShape(label, runs=tuple(runs), crowd=crowd)


def _points(values: object) -> Points | None:
    """Return a flat list x, y, ... as points [N, 2] with N of 3 or more; None if it is none."""
    if not isinstance(values, list) or len(values) < 6 or len(values) % 2:
        return None
    if not all(isinstance(value, int | float) and abs(value) < 1e9 for value in values):
        return None
    return np.array(values, dtype=np.float64).reshape(-1, 2)


def _runs(found: dict[str, object]) -> list[int] | None:
    counts = found.get("counts")
    if isinstance(counts, str):
        return expand_runs(counts)
    return counts if isinstance(counts, list) else None


def _yolo_shapes(source: TaskFolder, rows: tuple[YoloRow, ...], placement: Placement) -> list[DrawnShape]:
    for row in rows:
        if not row.is_polygon:
            source.left_out.add(BOX_ROW, row.where)
    size = np.array(placement.picture.seen)
    return [DrawnShape(row.label, (np.array(row.values).reshape(-1, 2) * size,)) for row in rows if row.is_polygon]
