"""The files and folders below a data set's root: links followed without loops, hidden parts left out."""

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from nas.errors import InvalidData
from nas.nets.data.file_reader import DISK, FileReader
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import is_hidden, normal_name
from nas.nets.data.reading.sniff import is_picture

HIDDEN = "hidden files and folders"
BROKEN_LINKS = "links that lead nowhere"
LOOPS = "links to a folder that contains them"
SPECIAL = "special files"
_DEEPEST = 64
_SNIFFED = 300  # files of a folder that are opened to see whether it holds pictures


class Folder(Struct, frozen=True):
    """A folder with its visible files (names) and folders, sorted by name; the reader opens them."""

    path: str
    files: tuple[str, ...]
    folders: tuple["Folder", ...]
    reader: FileReader = DISK
    title: str = ""

    @property
    def name(self) -> str:
        """The title, or else the last part of the path, in composed Unicode form."""
        return normal_name(self.title or os.path.basename(self.path))

    @property
    def holds_pictures(self) -> bool:
        """Whether a file right in this folder is a picture, by its content."""
        return any(is_picture(os.path.join(self.path, name), self.reader) for name in self.files[:_SNIFFED])

    @property
    def holds_any(self) -> bool:
        """Whether this folder or one below it holds pictures."""
        return self.holds_pictures or any(folder.holds_any for folder in self.folders)

    def paths(self) -> Iterator[str]:
        """Iterate over the files of this folder and of all below, in a fixed order."""
        for name in self.files:
            yield os.path.join(self.path, name)
        for folder in self.folders:
            yield from folder.paths()


def read_tree(root: Path, left_out: LeftOuts) -> Folder:
    """Return all visible files and folders below `root`; raises InvalidData if a folder cannot be listed."""
    return _read(os.fspath(root), (), left_out)


def _read(path: str, above: tuple[tuple[int, int], ...], left_out: LeftOuts) -> Folder:
    files, folders = [], []
    try:
        found = os.stat(path)
        here = (*above, (found.st_dev, found.st_ino))
        entries = sorted(os.scandir(path), key=lambda entry: normal_name(entry.name))
    except OSError as error:
        raise InvalidData(f"{path}: cannot be read ({error.strerror}).") from error
    for entry in entries:
        if reason := _obstacle(entry, here):
            left_out.add(reason, entry.path)
        elif entry.is_dir():
            folders.append(_read(entry.path, here, left_out))
        else:
            files.append(entry.name)
    return Folder(path, tuple(files), tuple(folders))


def _obstacle(entry: os.DirEntry[str], here: tuple[tuple[int, int], ...]) -> str | None:
    """Return why an entry is not followed, or None."""
    if is_hidden(entry.name):
        return HIDDEN
    try:
        found = entry.stat()
    except OSError:
        return BROKEN_LINKS if entry.is_symlink() else SPECIAL
    if entry.is_dir():
        return LOOPS if (found.st_dev, found.st_ino) in here or len(here) > _DEEPEST else None
    return None if entry.is_file() else SPECIAL
