"""Zip archives: members are read one by one; nothing is unpacked to disk, and no size that one claims is trusted."""

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from nas.errors import InvalidData
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.sources.container import MOST_MEMBER, admit, check_member

_ERRORS = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError)
_LINK = 0o120000  # the kind of file, in the upper half of what a Unix system keeps of a member
_KIND = 0o170000


class ZipFiles:
    """The members of a zip archive."""

    def __init__(self, path: str, left_out: LeftOuts) -> None:
        """Raises InvalidData if the archive is cut, broken or encrypted."""
        self._stamp = f"{os.path.getsize(path)} {os.stat(path).st_mtime_ns}"
        try:
            self._archive = zipfile.ZipFile(path)
            self._members = dict(_members(path, self._archive, left_out))
        except _ERRORS as error:
            raise InvalidData(f"{path}: is cut or no zip archive ({error}). Copy or download it again.") from error
        if any(member.flag_bits & 1 for member in self._members.values()):
            raise InvalidData(f"{path}: is encrypted. Unpack it, and give the folder.")

    def paths(self) -> list[str]:
        """Return the paths of all members that can be used, in the archive's order."""
        return list(self._members)

    def open(self, path: str) -> BinaryIO:
        """Return a member in memory; raises OSError if it is broken."""
        if path not in self._members:
            raise FileNotFoundError(path)
        try:
            with self._archive.open(self._members[path]) as stream:
                return io.BytesIO(stream.read(MOST_MEMBER))
        except _ERRORS as error:
            raise OSError(str(error)) from error

    def stamp(self, path: str) -> str:
        """Return size and time of the archive."""
        return self._stamp


def is_zip(path: str) -> bool:
    """Tell whether a file is a zip archive, whole or cut."""
    with open(path, "rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _members(path: str, archive: zipfile.ZipFile, left_out: LeftOuts) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Iterate over the plain files of an archive."""
    seen = set[str]()
    for member in archive.infolist():
        inside = None if member.is_dir() else check_member(path, member.filename, left_out)
        plain = (member.external_attr >> 16) & _KIND != _LINK
        if inside is not None and admit(inside, plain, member.file_size, seen, left_out):
            yield inside, member
