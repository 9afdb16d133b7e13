"""Tar archives: members are found once and read where they lie; nothing is unpacked, and no member's path is used."""

import bz2
import gzip
import io
import lzma
import os
import shutil
import tarfile
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from typing import IO, BinaryIO

from nas.errors import InvalidData
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.sources.container import admit, check_member

_BLOCK = 512  # bytes of a tar's header, and of each of the two empty blocks at its end
_CHUNK = 1 << 20
_COMPRESSED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))
_ERRORS = (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError, ValueError, OverflowError)


class TarFiles:
    """The members of a tar archive. One that is compressed is unpacked into a temporary file without a name."""

    def __init__(self, path: str, left_out: LeftOuts) -> None:
        """Raises InvalidData if the archive is cut or broken."""
        self._path = path
        self._stamp = f"{os.path.getsize(path)} {os.stat(path).st_mtime_ns}"
        try:
            self._unpacked = _unpack(path)
            if self._unpacked is not None:
                weakref.finalize(self, self._unpacked.close)
            with self._file() as file:
                self._places = dict(_members(path, file, left_out))
        except _ERRORS as error:
            raise InvalidData(f"{path}: is cut or no tar archive ({error}). Copy or download it again.") from error

    def paths(self) -> list[str]:
        """Return the paths of all members that can be used, in the archive's order."""
        return list(self._places)

    def open(self, path: str) -> BinaryIO:
        """Return a member in memory."""
        if path not in self._places:
            raise FileNotFoundError(path)
        offset, size = self._places[path]
        with self._file() as file:
            content = os.pread(file.fileno(), size, offset)
        if len(content) < size:
            raise OSError(f"{self._path} is cut")
        return io.BytesIO(content)

    def stamp(self, path: str) -> str:
        """Return size and time of the archive."""
        return self._stamp

    def _file(self) -> BinaryIO:
        """Return the archive's bytes; a plain one is opened anew, as a data set may have thousands."""
        if self._unpacked is None:
            return open(self._path, "rb")
        return os.fdopen(os.dup(self._unpacked.fileno()), "rb")


def is_tar(path: str) -> bool:
    """Tell whether a file is a tar archive, by its name if it is compressed or of the oldest format."""
    name = path.lower()
    if name.endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")):
        return True
    with open(path, "rb") as file:
        return file.read(_BLOCK)[257:262] == b"ustar"


def _members(path: str, file: BinaryIO, left_out: LeftOuts) -> Iterator[tuple[str, tuple[int, int]]]:
    """Iterate over the plain files of an archive: path, and place and size in bytes."""
    seen = set[str]()
    file.seek(0)
    archive = tarfile.TarFile(fileobj=file)
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined] # a million of them would take a gigabyte
        inside = None if member.isdir() else check_member(path, member.name, left_out)
        plain = member.isreg() and not member.issparse()
        if inside is not None and admit(inside, plain, member.size, seen, left_out):
            yield inside, (member.offset_data, member.size)
    # A header that is cut is taken for the end, so that the empty block there is looked for.
    if os.pread(file.fileno(), _BLOCK, archive.offset) != bytes(_BLOCK):
        raise EOFError("its end is missing")


def _unpack(path: str) -> BinaryIO | None:
    """Return a compressed archive as a temporary file that goes when it is closed; None for a plain one."""
    with open(path, "rb") as file:
        head = file.read(8)
    opener = next((opener for magic, opener in _COMPRESSED if head.startswith(magic)), None)
    if opener is None:
        return None
    unpacked = tempfile.TemporaryFile(prefix="nas-tar-")  # noqa: SIM115 - open as long as its members are read
    try:
        with opener(path) as stream:
            _copy(stream, unpacked, path)
    except BaseException:
        unpacked.close()
        raise
    return unpacked


def _copy(stream: BufferedIOBase, unpacked: IO[bytes], path: str) -> None:
    """Copy what a compressed archive holds; raises InvalidData if it takes more than half of the free space."""
    room = shutil.disk_usage(tempfile.gettempdir()).free // 2
    while chunk := stream.read(_CHUNK):
        room -= len(chunk)
        if room < 0:
            raise InvalidData(
                f"{path}: unpacked, it takes more than half of the free space of {tempfile.gettempdir()}. Unpack "
                "it where there is space, and give the folder or the plain .tar."
            )
        unpacked.write(chunk)
    unpacked.flush()
