"""Boxes of Pascal VOC XML: corners in whole pixels that are part of the box, counted from 1."""

import os
from collections import Counter
from math import nan
from xml.etree.ElementTree import Element

from msgspec import Struct
from msgspec.structs import replace

from nas.errors import InvalidData
from nas.nets.data.reading.names import SplitName, normal_name
from nas.tasks.detection.sample import WrittenBox, WrittenData, WrittenImage
from nas.tasks.documents import parse_xml
from nas.tasks.folder_names import split_in_path
from nas.tasks.lists import find_lists, read_split_lists
from nas.tasks.source import Source

NO_IMAGE = "annotation files whose image is not there, or of a name that several have"
NO_ANNOTATION = "images without an annotation file"
BROKEN_FILE = "annotation files that cannot be read as Pascal VOC XML"
NO_NAME = "objects without a name"
NO_CORNERS = "objects without four corners"
IN_NO_LIST = "annotation files that no list in ImageSets/Main names"
NOT_LISTED = "names in ImageSets/Main that have no annotation file"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


class _File(Struct, frozen=True):
    """An annotation file: its image, the size that it says, and its objects with their names."""

    path: str
    image: str
    size: tuple[float, float] | None
    objects: tuple[tuple[str, WrittenBox], ...]


def find_voc(source: Source) -> list[str]:
    """Return the files of a folder that may be Pascal VOC's, by ending; their content is read later."""
    return source.ending_with(".xml")


def read_voc(source: Source) -> WrittenData:
    """Return the boxes of all Pascal VOC files below a folder; broken ones are left out.

    Corners count from 1 and are inside the box, so that 1 is taken from the lower ones, as the VOC devkit measures
    areas. If more of them are 0 than 1, they count from 0 and stay as they are.
    """
    files = [file for path in find_voc(source) if (file := _read(source, path)) is not None]
    if not any(file.objects for file in files):
        raise InvalidData(
            f"{source.root}: no Pascal VOC file there has both an image and an object with a box.{source.why()}"
        )
    _leave_images(source, files)
    first, notes = _first_pixel(files)
    classes = tuple(sorted({name for file in files for name, _ in file.objects}))
    numbers = {name: number for number, name in enumerate(classes)}
    lists = find_lists(source, "imagesets/main")
    splits = _splits(source, files, lists)
    images = tuple(
        WrittenImage(
            file.image,
            splits[file.path],
            tuple(_numbered(box, numbers[name], first) for name, box in file.objects),
            file.size,
        )
        for file in files
        if file.path in splits
    )
    layout = f"Pascal VOC XML, splits by {'ImageSets/Main' if lists else 'folders'}"
    return WrittenData(layout, classes, images, notes)


def _read(source: Source, path: str) -> _File | None:
    try:
        root = parse_xml(path)
    except InvalidData:
        source.left_out.add(BROKEN_FILE, path)
        return None
    if root.tag != "annotation":
        source.left_out.add(BROKEN_FILE, path)
        return None
    image = _image_of(source, path, root)
    if image is None:
        source.left_out.add(NO_IMAGE, path)
        return None
    objects = [
        found for place, part in enumerate(root.findall("object")) if (found := _object(source, path, place, part))
    ]
    return _File(path, image, _size(root), tuple(objects))


def _image_of(source: Source, path: str, root: Element) -> str | None:
    """Return the image of an annotation file: the one of the same name, as VOC has it, else the one it names."""
    partners = source.pictures.partners(source.documents.key(path))
    if len(partners) == 1:
        return partners[0]
    written = (root.findtext("filename") or "").strip()
    named = source.pictures.named(written, os.path.dirname(path), split_in_path(source.relative(path)))
    if named is not None or partners:
        return named
    stem = os.path.splitext(normal_name(os.path.basename(path)))[0]
    alone = source.pictures.with_stem(stem)
    return alone[0] if len(alone) == 1 else None


def _size(root: Element) -> tuple[float, float] | None:
    """Return the size of the image as the file says it; None if it does not, or says zero as some tools do."""
    width, height = _number(root.findtext("size/width")), _number(root.findtext("size/height"))
    return (width, height) if 0 < width < 1e9 and 0 < height < 1e9 else None


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return nan


def _object(source: Source, path: str, place: int, part: Element) -> tuple[str, WrittenBox] | None:
    where = f"{path}: object {place + 1}"
    name = normal_name((part.findtext("name") or "").strip())
    if not name:
        source.left_out.add(NO_NAME, where)
        return None
    if any(part.find(f"bndbox/{corner}") is None for corner in _CORNERS):
        source.left_out.add(NO_CORNERS, where)
        return None
    x1, y1, x2, y2 = (_number(part.findtext(f"bndbox/{corner}")) for corner in _CORNERS)
    difficult, truncated = (_number(part.findtext(flag)) == 1 for flag in ("difficult", "truncated"))
    return name, WrittenBox(0, (x1, y1, x2, y2), where, difficult=difficult, truncated=truncated)


def _first_pixel(files: list[_File]) -> tuple[int, tuple[str, ...]]:
    """Return the number of the first pixel, 1 or 0, and a note about it."""
    counts = Counter(corner for file in files for _, box in file.objects for corner in box.corners[:2])
    if counts[0.0] <= counts[1.0]:
        return 1, ("Corners count from 1, as Pascal VOC's do: 1 is taken from xmin and ymin.",)
    return 0, (
        f"{counts[0.0]} of xmin and ymin are 0 and {counts[1.0]} are 1, so corners count from 0 and stay as they are, "
        "although Pascal VOC's count from 1.",
    )


def _numbered(box: WrittenBox, label: int, first: int) -> WrittenBox:
    x1, y1, x2, y2 = box.corners
    return replace(box, label=label, corners=(x1 - first, y1 - first, x2, y2))


def _splits(source: Source, files: list[_File], lists: dict[SplitName, str]) -> dict[str, SplitName]:
    """Return the split of every annotation file that has one: by the lists, else by folders, else training."""
    if not lists:
        return {file.path: _split_by_folder(source, file) for file in files}
    listed = read_split_lists(source, lists)
    stems = {file.path: os.path.splitext(normal_name(os.path.basename(file.path)))[0] for file in files}
    for path in (path for path, stem in stems.items() if stem not in listed):
        source.left_out.add(IN_NO_LIST, path)
    for stem in listed.keys() - set(stems.values()):
        source.left_out.add(NOT_LISTED, stem)
    return {path: listed[stem] for path, stem in stems.items() if stem in listed}


def _split_by_folder(source: Source, file: _File) -> SplitName:
    return split_in_path(source.relative(file.image)) or split_in_path(source.relative(file.path)) or "train"


def _leave_images(source: Source, files: list[_File]) -> None:
    """Count the images without an annotation file: nobody said that there is nothing on them."""
    used = {file.image for file in files}
    for path in source.pictures.paths:
        if path not in used:
            source.left_out.add(NO_ANNOTATION, path)
