"""The settings beside YOLO text, data.yaml: names of classes, and folders or lists of each split."""

import os
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from nas.errors import InvalidData
from nas.nets.data.reading.left_out import some
from nas.nets.data.reading.names import SplitName, normal_name
from nas.tasks.documents import load_yaml, read_lines
from nas.tasks.source import Source

_KEYS: Mapping[SplitName, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}


class YoloSettings(Struct, frozen=True):
    """What data.yaml says: names, the split of every image by path, and how many numbers of key points a row has."""

    name: str = ""
    names: tuple[str, ...] = ()
    splits: Mapping[str, SplitName] = {}
    keypoints: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_yolo_settings(source: Source) -> YoloSettings:
    """Return the settings of the one YAML file with names; empty ones if there is none.

    Raises InvalidData if there are several, or if its names are no list.
    """
    found = {path: table for path in source.ending_with(".yaml", ".yml") if "names" in (table := _load(path))}
    if not found:
        return YoloSettings()
    if len(found) > 1:
        raise InvalidData(f"{source.root}: {' and '.join(map(source.relative, found))} both name classes. Keep one.")
    [(path, table)] = found.items()
    names = _names(path, table["names"])
    splits, notes, warnings = _splits_of(source, path, table)
    if (count := _plain(table.get("nc")) or str(len(names))) != str(len(names)):
        warnings.append(f"{source.relative(path)} says nc: {count}, but names {len(names)} classes; the names count.")
    return YoloSettings(source.relative(path), names, splits, _keypoints(table), tuple(notes), tuple(warnings))


def _load(path: str) -> dict[str, Any]:
    """Return a YAML file; empty if it is broken and not the one that a tool calls data.yaml."""
    try:
        return load_yaml(path)
    except InvalidData:
        if os.path.basename(path) in ("data.yaml", "data.yml", "dataset.yaml"):
            raise
        return {}


def _names(path: str, names: object) -> tuple[str, ...]:
    if isinstance(names, dict):
        numbers = [str(number) for number in range(len(names))]
        if set(names) != set(numbers):
            raise InvalidData(f"{path}: names has the numbers {some(list(names))}; give 0 to {len(names) - 1}.")
        names = [names[number] for number in numbers]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InvalidData(f"{path}: names is no list of texts, like [cat, dog].")
    return tuple(map(normal_name, names))


def _plain(value: object) -> str:
    """Return a text as it is, and an empty one for lists and tables, which may be endless."""
    return value if isinstance(value, str) else ""


def _keypoints(table: dict[str, Any]) -> int:
    """Return how many numbers of key points follow the box in a row."""
    shape = table.get("kpt_shape")
    texts = map(_plain, shape) if isinstance(shape, list) else ()
    sizes = [int(text) for text in texts if text.isdecimal() and len(text) < 6]
    return sizes[0] * sizes[1] if len(sizes) == 2 else 0


def _splits_of(source: Source, path: str, table: dict[str, Any]) -> tuple[dict[str, SplitName], list[str], list[str]]:
    """Return the split of every image that data.yaml's folders and lists name, with notes and warnings."""
    found: dict[str, SplitName] = {}
    notes, warnings = [], []
    for split, keys in _KEYS.items():
        places: object = next((table[key] for key in keys if table.get(key)), [])
        for place in filter(None, map(_plain, places if isinstance(places, list) else [places])):
            images = _images_at(source, path, table, place)
            if not images:
                notes.append(f"{source.relative(path)}: {split}: {place} leads to no image here.")
            again = sum(found.setdefault(image, split) != split for image in images)
            if again:
                warnings.append(
                    f"{source.relative(path)}: {again} of {len(images)} images of {split} ({place}) are of another "
                    "split too; they count for the first of train, val, test."
                )
    return found, notes, warnings


def _images_at(source: Source, path: str, table: dict[str, Any], place: str) -> list[str]:
    """Return the images of a folder or list that data.yaml names, however the path to it is broken."""
    base = os.path.join(os.path.dirname(path), _plain(table.get("path")))
    plain = place.replace("\\", "/").rstrip("/")
    parts = [part for part in plain.split("/") if part not in ("", ".", "..")]
    tails = [os.path.join(os.path.dirname(path), *parts[start:]) for start in range(max(1, len(parts) - 1))]
    for folder in (os.path.join(base, plain), *tails):
        whole = os.path.normpath(folder)
        if plain.endswith(".txt") and whole in source.documents.paths:
            lines = (line.strip() for line in read_lines(whole))
            named = (source.pictures.named(line, os.path.dirname(whole), None) for line in lines if line)
            return [image for image in named if image is not None]
        if images := [image for image in source.pictures.paths if image.startswith(whole + os.sep)]:
            return images
    return []
