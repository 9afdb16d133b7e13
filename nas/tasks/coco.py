"""COCO JSON: images, categories and annotations of every split, for boxes and for masks."""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from nas.errors import InvalidData
from nas.nets.data.reading.names import SplitName, normal_name
from nas.tasks.documents import decode_json, mentions
from nas.tasks.folder_names import split_in_name, split_in_path
from nas.tasks.source import Source

NOT_THERE = "images of a COCO file that are not there, or of a name that several have"
UNKNOWN_IMAGE = "annotations of an image that the COCO file does not list"
UNKNOWN_CATEGORY = "annotations of a category that the COCO file does not list"
UNLISTED = "images that no COCO file lists"
OTHER_FILES = "COCO files of the same images with other annotations (key points, panoptic)"
_KEYS = (b'"images"', b'"annotations"', b'"categories"')
_Id = int | str


class CocoImage(Struct, frozen=True):
    """An image as a COCO file lists it; sizes in pixels."""

    id: _Id
    file_name: str
    width: float | None = None
    height: float | None = None

    @property
    def size(self) -> tuple[float, float] | None:
        """Width and height in pixels, if the file says both."""
        return (self.width, self.height) if self.width and self.height else None


class CocoAnnotation(Struct, frozen=True):
    """An object as a COCO file lists it: `bbox` is x, y, width, height in pixels; `segmentation` is not decoded yet."""

    image_id: _Id
    category_id: int
    bbox: list[float] | None = None
    iscrowd: int | bool = 0
    segmentation: Raw = Raw(b"null")


class CocoCategory(Struct, frozen=True):
    """A class as a COCO file lists it."""

    id: int
    name: str | int


class CocoFile(Struct, frozen=True):
    """What is read of a COCO file; the rest is skipped."""

    images: list[CocoImage]
    annotations: list[CocoAnnotation]
    categories: list[CocoCategory]


class CocoPart(Struct, frozen=True):
    """One COCO file: its split, and its images with their paths and annotations."""

    file: str
    split: SplitName
    images: list[tuple[str, CocoImage, list[CocoAnnotation]]]


class Coco(Struct, frozen=True):
    """All COCO files of a folder: classes in the order of their ids, and the number of each id."""

    classes: tuple[str, ...]
    numbers: Mapping[int, int]
    parts: tuple[CocoPart, ...]
    notes: tuple[str, ...]


def find_coco(source: Source) -> list[str]:
    """Return the COCO files of a folder, by their content."""
    return [path for path in source.ending_with(".json") if mentions(path, *_KEYS)]


def read_coco(source: Source) -> Coco:
    """Return all COCO files; raises InvalidData if one is broken or they disagree about the categories."""
    chosen = _choose(source, find_coco(source))
    decoded = {path: decode_json(path, CocoFile) for path in chosen}
    names = _names_by_id(decoded)
    numbers = {number: place for place, number in enumerate(sorted(names))}
    parts = tuple(_part(source, path, file, numbers) for path, file in decoded.items())
    _leave_unlisted(source, parts)
    return Coco(tuple(names[number] for number in sorted(names)), numbers, parts, _notes(source, parts, sorted(names)))


def _choose(source: Source, paths: list[str]) -> list[str]:
    """Return the files to read: of several for a split in one folder `instances` ones count alone."""
    groups: dict[tuple[str, SplitName | None], list[str]] = defaultdict(list)
    for path in paths:
        groups[os.path.dirname(path), _split_of_file(source, path)].append(path)
    chosen = []
    for group in groups.values():
        best = [path for path in group if "instances" in os.path.basename(path)]
        kept = best if best and len(best) < len(group) else group
        chosen += kept
        for path in set(group) - set(kept):
            source.left_out.add(OTHER_FILES, path)
    return chosen


def _split_of_file(source: Source, path: str) -> SplitName | None:
    return split_in_name(os.path.basename(path)) or split_in_path(source.relative(path))


def _names_by_id(decoded: Mapping[str, CocoFile]) -> dict[int, str]:
    found: dict[int, str] = {}
    for path, file in decoded.items():
        for category in file.categories:
            name = normal_name(str(category.name))
            if found.setdefault(category.id, name) != name:
                raise InvalidData(
                    f"{path}: calls category {category.id} {name!r}, but another COCO file, or line, calls it "
                    f"{found[category.id]!r}. Give every id one name."
                )
    if not found:
        raise InvalidData(f"{', '.join(decoded)}: lists no categories, so nothing says what is annotated.")
    return found


def _part(source: Source, path: str, file: CocoFile, numbers: Mapping[int, int]) -> CocoPart:
    split = _split_of_file(source, path)
    by_image: dict[_Id, list[CocoAnnotation]] = {image.id: [] for image in file.images}
    for place, annotation in enumerate(file.annotations):
        where = f"{path}: annotations[{place}]"
        if annotation.image_id not in by_image:
            source.left_out.add(UNKNOWN_IMAGE, where)
        elif annotation.category_id not in numbers:
            source.left_out.add(UNKNOWN_CATEGORY, where)
        else:
            by_image[annotation.image_id].append(annotation)
    _check_ids(path, file, len(by_image))
    found = []
    for image in file.images:
        picture = source.pictures.named(image.file_name, os.path.dirname(path), split)
        if picture is None:
            source.left_out.add(NOT_THERE, f"{os.path.basename(path)}: {normal_name(image.file_name)}")
        else:
            found.append((picture, image, by_image[image.id]))
    return CocoPart(path, split or "train", found)


def _check_ids(path: str, file: CocoFile, count: int) -> None:
    if count < len(file.images):
        twice = Counter(image.id for image in file.images).most_common(1)[0][0]
        raise InvalidData(f"{path}: lists two images of id {twice!r}, so their annotations cannot be told apart.")


def _leave_unlisted(source: Source, parts: tuple[CocoPart, ...]) -> None:
    listed = {path for part in parts for path, _, _ in part.images}
    for path in source.pictures.paths:
        if path not in listed:
            source.left_out.add(UNLISTED, path)


def _notes(source: Source, parts: tuple[CocoPart, ...], ids: list[int]) -> tuple[str, ...]:
    notes = [
        f"{source.relative(part.file)} names no split; its images count as training images."
        for part in parts
        if _split_of_file(source, part.file) is None
    ]
    if ids not in (list(range(len(ids))), list(range(1, len(ids) + 1))):
        notes.append(f"Category ids run from {ids[0]} to {ids[-1]} with gaps; classes are numbered by their order.")
    return tuple(notes)


def has_polygons(annotation: CocoAnnotation) -> bool:
    """Tell whether an annotation has polygons or a run-length code."""
    return bytes(annotation.segmentation).strip() not in (b"null", b"[]", b"{}", b"[[]]", b'""')


def decode_raw(value: Raw) -> object:
    """Return an undecoded part of a COCO file; None if it is broken."""
    try:
        found: object = msgspec.json.decode(value)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return found
