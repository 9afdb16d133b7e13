"""WebDataset shards: tar archives in which an image and its label have one name, as 000017.jpg and 000017.cls.

The label is a `.cls` file of a number or a name, or a `.json` file with a member `label`, `cls` or `class`. A shard
belongs to the split whose name its own path holds as a word, as train-000000.tar; else to training.
"""

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from nas.errors import InvalidData
from nas.nets.data.reading.layout import Layout
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import SPLITS, SplitName, split_of
from nas.nets.data.reading.sniff import PICTURE_ENDINGS
from nas.nets.data.reading.tables import Labels, sort_classes
from nas.nets.data.sources.container import JoinedFiles
from nas.nets.data.sources.tar import TarFiles

NO_LABEL_FILE = "images of a shard without a label file"
_LABEL_ENDINGS = (".cls", ".json")
_MOST_LABEL = 1_000_000  # bytes
_KEYS = ("label", "cls", "class", "target")


class _Shard(NamedTuple):
    path: str
    files: TarFiles
    split: SplitName


def is_shard(files: TarFiles) -> bool:
    """Tell whether a tar archive has images with label files of the same name."""
    endings = {ending for _, ending in map(_parts, files.paths())}
    return bool(endings & set(_LABEL_ENDINGS)) and bool(endings & PICTURE_ENDINGS)


def read_shards(root: str, shards: Sequence[tuple[str, TarFiles]], left_out: LeftOuts) -> tuple[Layout, JoinedFiles]:
    """Return the labelled images of all shards; raises InvalidData if a label is no number or name."""
    opened = [_Shard(path, files, split_in(os.path.relpath(path, root)) or "train") for path, files in shards]
    found: dict[SplitName, list[tuple[str, str]]] = {}
    for shard in opened:
        found.setdefault(shard.split, []).extend(_labelled(shard, left_out))
    kind = f"{len(shards)} WebDataset shard{'s' if len(shards) > 1 else ''}"
    labels = {
        split: Labels(kind, sort_classes({name for _, name in found[split]}), tuple(found[split]))
        for split in SPLITS
        if split in found
    }
    if "train" not in labels:
        raise InvalidData(f"{root}: holds shards of {', '.join(found)}, but none of training. Call one train-0.tar.")
    return Layout(kind, labels), JoinedFiles({shard.path: shard.files for shard in opened})


def split_in(path: str) -> SplitName | None:
    """Return the one split that is a word of a path; None if there is none.

    >>> [split_in(path) for path in ("imagenet-train-000.tar", "val/000.tar", "train-of-tests.tar", "data-0.parquet")]
    ['train', 'val', None, None]
    """
    found = {split_of(word) for word in re.split(r"[^A-Za-z]+", path)} - {None}
    return found.pop() if len(found) == 1 else None


def expand_braces(text: str) -> list[str]:
    """Return the paths that a pattern of shards names; itself if it has no range.

    >>> expand_braces("train-{008..010}.tar")
    ['train-008.tar', 'train-009.tar', 'train-010.tar']
    """
    found = re.fullmatch(r"(.*)\{(\d+)\.\.(\d+)\}(.*)", text)
    if found is None or int(found[3]) - int(found[2]) > 1_000_000:
        return [text]
    width, numbers = len(found[2]), range(int(found[2]), int(found[3]) + 1)
    return [f"{found[1]}{number:0{width}}{found[4]}" for number in numbers]


def _labelled(shard: _Shard, left_out: LeftOuts) -> Iterator[tuple[str, str]]:
    """Iterate over the images of a shard with the names of their classes."""
    by_key = {
        key: path for path in shard.files.paths() for key, end in [_parts(path)] if end in _LABEL_ENDINGS[:1]
    } or {key: path for path in shard.files.paths() for key, end in [_parts(path)] if end in _LABEL_ENDINGS}
    for path in shard.files.paths():
        key, ending = _parts(path)
        if ending not in PICTURE_ENDINGS:
            continue
        if key in by_key:
            yield path, _read_label(shard, by_key[key])
        else:
            left_out.add(NO_LABEL_FILE, path)


def _parts(path: str) -> tuple[str, str]:
    """Return a member's path without, and its ending from, the first dot of its name."""
    folder, name = os.path.split(path)
    key, dot, ending = name.partition(".")
    return os.path.join(folder, key), (dot + ending).lower()


def _read_label(shard: _Shard, path: str) -> str:
    with shard.files.open(path) as file:
        content = file.read(_MOST_LABEL)
    try:
        text = content.decode()
        value = _from_json(text) if path.lower().endswith(".json") else text.strip()
    except (ValueError, msgspec.MsgspecError) as error:
        raise InvalidData(f"{path}: is no label ({error}).") from error
    if not value or "\n" in value:
        raise InvalidData(f"{path}: holds no label. Write the number or the name of the class into it.")
    return value


def _from_json(text: str) -> str:
    found = msgspec.json.decode(text, type=dict[str, object])
    values = [found[key] for key in _KEYS if key in found]
    if len(values) != 1 or not isinstance(values[0], int | str):
        raise ValueError(f"needs one member of {', '.join(_KEYS)}, with a number or a name")
    return str(values[0])
