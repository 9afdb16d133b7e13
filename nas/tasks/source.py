"""A folder of data with annotations: its files, found by path, by name or by what they have in common."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from nas.errors import InvalidData
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import SplitName, normal_name
from nas.nets.data.reading.sniff import PICTURE_ENDINGS, ending_of, is_picture
from nas.nets.data.reading.tree import read_tree
from nas.tasks.folder_names import Key, key_of, split_in_path

Name = TypeVar("Name", str, Key)
_DOCUMENTS = frozenset(
    {".json", ".jsonl", ".xml", ".txt", ".yaml", ".yml", ".csv", ".tsv", ".md", ".html", ".data", ".names", ".py"}
    | {".npz", ".npy", ".zip", ".gz", ".tar", ".cache", ".pkl", ".log", ".toml", ".ipynb", ".mat"}
)


class FileIndex:
    """Files of one kind below a folder."""

    def __init__(self, root: str, paths: Iterable[str]) -> None:
        self.paths = tuple(paths)
        self._root = root

    def relative(self, path: str) -> str:
        """Return a path as seen from the folder."""
        return path.removeprefix(self._root).lstrip("/")

    def key(self, path: str) -> Key:
        """Return what a file of this folder has in common with its partners."""
        return key_of(self.relative(path))

    def partners(self, key: Key) -> list[str]:
        """Return the files with this key."""
        return self._keys.get(key, [])

    def with_stem(self, stem: str) -> list[str]:
        """Return all files of this name without its ending, wherever they lie."""
        return self._stems.get(stem, [])

    def named(self, name: str, beside: str, split: SplitName | None) -> str | None:
        """Return the file that an annotation file in the folder `beside` calls `name`; None if none or several fit.

        Of files of the same name that one counts which shares the most of the written path, then the one of the same
        split, then the one nearest to the annotation file.
        """
        parts = normal_name(name).replace("\\", "/").split("/")
        found = self._names.get(parts[-1].casefold(), [])
        if len(found) < 2:
            return found[0] if found else None
        ranks = {path: self._rank(path, parts, beside, split) for path in found}
        best = max(ranks.values())
        chosen = [path for path, rank in ranks.items() if rank == best]
        return chosen[0] if len(chosen) == 1 else None

    def _rank(self, path: str, parts: list[str], beside: str, split: SplitName | None) -> tuple[int, bool, int]:
        own = normal_name(path).split("/")
        same_split = split is not None and split_in_path(self.relative(path)) == split
        return _common(reversed(own), reversed(parts)), same_split, _common(path.split("/"), beside.split("/"))

    # Made when they are needed: a million files of classification need none of them.
    @cached_property
    def _keys(self) -> dict[Key, list[str]]:
        return _group(self.paths, self.key)

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        return _group(self.paths, lambda path: _name_of(path).casefold())

    @cached_property
    def _stems(self) -> dict[str, list[str]]:
        return _group(self.paths, lambda path: os.path.splitext(_name_of(path))[0])


def _group(paths: Iterable[str], name: Callable[[str], Name]) -> dict[Name, list[str]]:
    found: dict[Name, list[str]] = defaultdict(list)
    for path in paths:
        found[name(path)].append(path)
    return found


def _name_of(path: str) -> str:
    return normal_name(os.path.basename(path))


def _common(one: Iterable[str], other: Iterable[str]) -> int:
    """Return how many parts agree from the beginning."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _may_be_picture(path: str) -> bool:
    ending = ending_of(path)
    return ending in PICTURE_ENDINGS or (ending not in _DOCUMENTS and is_picture(path))


class Source:
    """A folder with annotations: pictures, documents, and what is left out of it.

    Pictures are told by their endings here, as a million files are not opened for it, and by their content if they have
    another one; once they are read, the content decides.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.left_out = LeftOuts(root)
        self.tree = read_tree(root, self.left_out)
        paths = list(self.tree.paths())
        self.pictures = FileIndex(str(root), filter(_may_be_picture, paths))
        self.documents = FileIndex(str(root), (path for path in paths if ending_of(path) in _DOCUMENTS))

    def ending_with(self, *endings: str) -> list[str]:
        """Return the documents with one of these endings."""
        return [path for path in self.documents.paths if ending_of(path) in endings]

    def why(self) -> str:
        """Return what was left out most, as the end of a message; empty if nothing was."""
        return "".join(f" Left out: {row}." for row in self.left_out.all()[:3])

    def relative(self, path: str) -> str:
        """Return a path as seen from the root."""
        return self.pictures.relative(path)


def open_source(path: str) -> Source:
    """Return a folder with annotations; raises InvalidData for what is no folder."""
    root = Path(path).expanduser()
    if not root.is_dir():
        raise InvalidData(f"{path}: is no folder. Give the folder that holds the images and their annotations.")
    return Source(root)
