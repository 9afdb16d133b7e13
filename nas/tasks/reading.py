"""One way to read the data of every task: a folder and what was recognised in it become samples by split."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from nas.errors import InvalidData
from nas.nets.data.reading.names import SplitName
from nas.tasks.detection.checking import check_boxes
from nas.tasks.detection.coco_boxes import read_coco_boxes
from nas.tasks.detection.sample import DetectionData, WrittenData
from nas.tasks.detection.voc import read_voc
from nas.tasks.detection.yolo_boxes import read_yolo_boxes
from nas.tasks.recognition import FormatName
from nas.tasks.segmentation.mask_files import read_mask_files
from nas.tasks.segmentation.polygons import read_coco_masks, read_yolo_masks
from nas.tasks.segmentation.sample import SegmentationData
from nas.tasks.source import Source

Sample_co = TypeVar("Sample_co", covariant=True)


class TaskData(Protocol[Sample_co]):
    """Data of any task: classes, samples by split, and how they were understood."""

    @property
    def layout(self) -> str:
        """The format, and what says the splits."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, by number."""

    @property
    def splits(self) -> Mapping[SplitName, tuple[Sample_co, ...]]:
        """The samples of each split that there is."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what was understood."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what is probably wrong."""


_BOXES: Mapping[FormatName, Callable[[Source], WrittenData]] = {
    "coco": read_coco_boxes,
    "voc": read_voc,
    "yolo": read_yolo_boxes,
}
_MASKS: Mapping[FormatName, Callable[[Source], SegmentationData]] = {
    "coco": read_coco_masks,
    "yolo": read_yolo_masks,
}


def read_detection(source: Source, format: FormatName) -> DetectionData:
    """Return the images of a folder with their boxes; raises InvalidData if no image is left."""
    return _require(source, check_boxes(_BOXES[format](source), source.left_out))


def read_segmentation(source: Source, format: FormatName, void: int | None = None) -> SegmentationData:
    """Return the images of a folder with their masks; `void` is the value of class images that counts for nothing.

    Raises InvalidData if no image is left, and for `void` of shapes, which have no values.
    """
    if format == "masks":
        return _require(source, read_mask_files(source, void))
    if void is not None:
        raise InvalidData(f"--void {void} is for class images, but {source.root} holds polygons. Leave it out.")
    return _require(source, _MASKS[format](source))


AnyData = TypeVar("AnyData", bound=TaskData[object])


def _require(source: Source, data: AnyData) -> AnyData:
    if not any(data.splits.values()):
        raise InvalidData(f"{source.root}: no image there can be used as {data.layout}.{source.why()}")
    return data
