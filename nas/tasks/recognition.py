"""Which task a folder's data is for, by what its files hold."""

import os
import re
from collections import defaultdict
from typing import Literal

from msgspec import Struct

from nas.errors import InvalidData
from nas.nets.data.reading.names import is_plain_folder, split_of
from nas.nets.data.reading.table import read_tables
from nas.tasks.coco import find_coco
from nas.tasks.documents import matches, mentions
from nas.tasks.folder_names import is_mask_folder
from nas.tasks.segmentation.pairs import find_pairs
from nas.tasks.source import Source
from nas.tasks.yolo import find_yolo

TaskName = Literal["classification", "detection", "segmentation"]
FormatName = Literal["folders", "coco", "voc", "yolo", "masks"]
_BOX = re.compile(rb'"bbox"\s*:\s*\[\s*[-\d]')
_SHAPE = re.compile(rb'"segmentation"\s*:\s*(\[\s*\[\s*[-\d]|\{)')


class Sign(Struct, frozen=True):
    """A task for which a folder holds data, the format, and what was seen."""

    task: TaskName
    format: FormatName
    seen: str


def find_signs(source: Source) -> tuple[Sign, ...]:
    """Return every task and format for which a folder holds data; none of detection and segmentation is common."""
    found = [*_coco_signs(source), *_voc_signs(source), *_yolo_signs(source), *_mask_signs(source)]
    masks = any(sign.format == "masks" for sign in found)
    if found and not masks and (seen := _class_folders(source) or _label_table(source)):
        found.append(Sign("classification", "folders", seen))
    return tuple(found)


def choose_sign(source: Source, signs: tuple[Sign, ...], task: TaskName | None) -> Sign | None:
    """Return what a folder is to be read as; None for classification.

    Raises InvalidData if several tasks or formats are possible and `task` does not choose, or if it chooses what is not
    there.
    """
    if task == "classification":
        return None
    wanted = [sign for sign in signs if task in (None, sign.task)]
    tasks = sorted({sign.task for sign in wanted})
    if not wanted and task is None:
        return None
    if not wanted:
        raise InvalidData(f"{source.root}: holds no data for {task}. {_LOOKED_FOR[task or 'detection']}")
    if len(tasks) > 1:
        seen = "; ".join(f"{sign.seen}: --task {sign.task}" for sign in wanted)
        raise InvalidData(f"{source.root}: may be data for {' or '.join(tasks)}. Say which is meant: {seen}.")
    if len(wanted) > 1:
        seen = " and ".join(sign.seen for sign in wanted)
        raise InvalidData(f"{source.root}: holds {seen}. Move away what is not meant; two formats are not mixed.")
    return wanted[0]


_LOOKED_FOR = {
    "detection": "Looked for COCO JSON with boxes, Pascal VOC XML, and YOLO text files called like the images.",
    "segmentation": "Looked for class images in folders like masks/ or trainannot/ or called like X_mask.png, and for "
    "polygons in COCO JSON and YOLO text.",
}


def _coco_signs(source: Source) -> list[Sign]:
    files = find_coco(source)
    name = f"COCO JSON ({source.relative(files[0])})" if files else ""
    boxes = [Sign("detection", "coco", f"boxes in {name}")] if any(matches(path, _BOX) for path in files) else []
    shapes = any(matches(path, _SHAPE) for path in files)
    return [*boxes, *([Sign("segmentation", "coco", f"polygons in {name}")] if shapes else [])]


def _voc_signs(source: Source) -> list[Sign]:
    found = next((path for path in source.ending_with(".xml") if mentions(path, b"<annotation", b"<bndbox")), None)
    return [Sign("detection", "voc", f"boxes in Pascal VOC XML ({source.relative(found)})")] if found else []


def _yolo_signs(source: Source) -> list[Sign]:
    found = find_yolo(source)
    if found == ("polygons",):
        return [Sign("segmentation", "yolo", "polygons in YOLO text")]
    boxes = [Sign("detection", "yolo", "boxes in YOLO text")] if "boxes" in found else []
    return [*boxes, *([Sign("segmentation", "yolo", "polygons in YOLO text")] if "polygons" in found else [])]


def _mask_signs(source: Source) -> list[Sign]:
    """Return a sign of masks; without folders of masks a third of all pictures have to be called like X_mask."""
    pairs = find_pairs(source)
    if not pairs:
        return []
    in_folders = any(is_mask_folder(name) for name in source.relative(next(iter(pairs.values()))[0]).split("/")[:-1])
    if not in_folders and 3 * len(pairs) < len(source.pictures.paths):
        return []
    image, masks = next(iter(pairs.items()))
    return [Sign("segmentation", "masks", f"masks ({source.relative(masks[0])} of {source.relative(image)})")]


def _class_folders(source: Source) -> str:
    """Return the folders of images in one folder that are called like neither splits nor roles; empty if none are."""
    beside: dict[str, set[str]] = defaultdict(set)
    for path in source.pictures.paths:
        above, name = os.path.split(os.path.dirname(source.relative(path)))
        if name and not (split_of(name) or is_plain_folder(name) or is_mask_folder(name)):
            beside[above].add(name)
    names = next((sorted(names) for names in beside.values() if len(names) > 1), [])
    return f"folders that may be classes ({', '.join(names[:3])})" if names else ""


def _label_table(source: Source) -> str:
    """Return the name of a table that gives images labels; empty if there is none."""
    tables, _ = read_tables(source.tree)
    return next((f"a table of labels ({table.name})" for table in tables if table.label is not None), "")
