"""Boxes of COCO JSON: x, y, width and height in pixels, from 0."""

from collections.abc import Mapping

from nas.nets.data.reading.left_out import LeftOuts
from nas.tasks.coco import CocoAnnotation, CocoImage, CocoPart, read_coco
from nas.tasks.detection.sample import WrittenBox, WrittenData, WrittenImage
from nas.tasks.source import Source

NO_BOX = "annotations whose bbox is not four numbers"
_NAMED = 3  # file names in the layout


def read_coco_boxes(source: Source) -> WrittenData:
    """Return the boxes of all COCO files below a folder; raises InvalidData if one is broken."""
    coco = read_coco(source)
    images = tuple(
        WrittenImage(path, part.split, _boxes(image, found, coco.numbers, part, source.left_out), image.size)
        for part in coco.parts
        for path, image, found in part.images
    )
    files = ", ".join(source.relative(part.file) for part in coco.parts[:_NAMED])
    return WrittenData(f"COCO JSON ({files})", coco.classes, images, coco.notes)


def _boxes(
    image: CocoImage, found: list[CocoAnnotation], numbers: Mapping[int, int], part: CocoPart, left_out: LeftOuts
) -> tuple[WrittenBox, ...]:
    where = f"{part.file}: {image.file_name}"
    boxes = []
    for annotation in found:
        if annotation.bbox is None or len(annotation.bbox) != 4:
            left_out.add(NO_BOX, where)
            continue
        x, y, width, height = annotation.bbox
        corners = (x, y, x + width, y + height)
        boxes.append(WrittenBox(numbers[annotation.category_id], corners, where, crowd=bool(annotation.iscrowd)))
    return tuple(boxes)
