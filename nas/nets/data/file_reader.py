"""How the files of a data set are opened: those of a disk, of an archive, or of a column of images."""

from pathlib import Path
from typing import BinaryIO, Protocol


class FileReader(Protocol):
    """Opens files by their path. What is broken or gone raises OSError, as a file of a disk does.

    A path within a container is the container's own path, a slash, and a name within it.
    """

    def open(self, path: str) -> BinaryIO:
        """Return an open file."""
        ...

    def stamp(self, path: str) -> str:
        """Return a text that changes when the content of a file does."""
        ...


class DiskFiles:
    """Files of a disk."""

    def open(self, path: str) -> BinaryIO:
        """Return an open file."""
        return Path(path).open("rb")

    def stamp(self, path: str) -> str:
        """Return size and time of a file."""
        found = Path(path).stat()
        return f"{found.st_size} {found.st_mtime_ns}"


DISK = DiskFiles()
