"""Files within other files: the tree of an archive's members, and the reader that finds the container of a path."""

import os
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from nas.nets.data.file_reader import DISK, FileReader
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import is_hidden, normal_name, split_of
from nas.nets.data.reading.table import is_table
from nas.nets.data.reading.tree import HIDDEN, Folder

LEADS_OUT = "members of an archive whose paths lead out of it"
NO_FILES = "links and special files of an archive"
TWICE = "members of an archive of a name that is there before"
TOO_BIG = "members of an archive of more than 512 MB"
MOST_MEMBER = 512_000_000  # bytes: a member is read whole
_DEEPEST = 64


class JoinedFiles:
    """Files of a disk, and those within containers, each of which has a reader of its own."""

    def __init__(self, containers: Mapping[str, FileReader]) -> None:
        self._containers = dict(containers)

    def open(self, path: str) -> BinaryIO:
        """Return an open file."""
        return self._of(path).open(path)

    def stamp(self, path: str) -> str:
        """Return a text that changes when the content of a file does."""
        return self._of(path).stamp(path)

    def _of(self, path: str) -> FileReader:
        outer = path
        while (outer := os.path.dirname(outer)) not in ("", "/"):
            if outer in self._containers:
                return self._containers[outer]
        return DISK


def check_member(container: str, name: str, left_out: LeftOuts) -> str | None:
    """Return the path of a member within its container; None, and counted, if it is not for use."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    reason = None
    if name.startswith("/") or ".." in parts or "\0" in name or not 0 < len(parts) <= _DEEPEST:
        reason = LEADS_OUT
    elif any(is_hidden(part) for part in parts):
        reason = HIDDEN
    path = "/".join([container, *parts])
    if reason is not None:
        left_out.add(reason, path)
        return None
    return path


def admit(inside: str, plain: bool, size: int, seen: set[str], left_out: LeftOuts) -> bool:
    """Whether a member is read: a plain file, not too large, the first of its path; else it is counted.

    The paths of those that are read are added to `seen`.
    """
    reason = NO_FILES if not plain else TOO_BIG if size > MOST_MEMBER else TWICE if inside in seen else None
    if reason is not None:
        left_out.add(reason, inside)
        return False
    seen.add(inside)
    return True


def tree_of(container: str, paths: Iterable[str], reader: FileReader) -> Folder:
    """Return the tree of members that lie below a container."""
    files: dict[str, list[str]] = {container: []}
    folders: dict[str, list[str]] = {container: []}
    for path in paths:
        folder, name = os.path.split(path)
        _add_folder(folder, files, folders)
        files[folder].append(name)

    def build(path: str) -> Folder:
        inner = sorted(folders[path], key=lambda one: normal_name(os.path.basename(one)))
        return Folder(path, tuple(sorted(files[path], key=normal_name)), tuple(map(build, inner)), reader)

    return build(container)


def _add_folder(path: str, files: dict[str, list[str]], folders: dict[str, list[str]]) -> None:
    """Add a folder and those above it, up to the container."""
    if path in files:
        return
    above = os.path.dirname(path)
    _add_folder(above, files, folders)
    files[path], folders[path] = [], []
    folders[above].append(path)


def skip_wrapping(folder: Folder) -> Folder:
    """Return the folder that holds the data: archives often hold a single folder, with a data set in it."""
    while len(folder.folders) == 1 and not folder.holds_pictures and not any(map(is_table, folder.files)):
        inner = folder.folders[0]
        if split_of(inner.name) is not None or not (inner.folders or any(map(is_table, inner.files))):
            break
        folder = inner
    return folder
