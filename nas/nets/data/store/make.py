"""Makes a store of encoded images in parts. One that a killed process left is taken up where that stopped."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import msgspec
import pyarrow as pa
from filelock import FileLock
from msgspec import Struct

from nas.design.files import write_bytes
from nas.errors import InvalidData
from nas.nets.data.file_reader import FileReader
from nas.nets.data.listing import File, Listing
from nas.nets.data.progress import Tell
from nas.nets.data.reading.depth import choose_depth
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.picture import BROKEN, MOST_JPEG_PIXELS, decode_picture, read_extremes, read_head
from nas.nets.data.reading.source import key_of
from nas.nets.data.store.images import Store
from nas.nets.data.store.part import PREVIEW, PartHeader, StoredRow, StorePart, write_part
from nas.nets.data.store.threads import map_ahead

_PART_BYTES = 512_000_000  # of encoded images: what a killed process loses at most
_MANIFEST = "store.json"
_MOST_FILE = 2 * MOST_JPEG_PIXELS  # bytes of an encoded image


class Manifest(Struct, frozen=True):
    """A store that is whole: the digest of its listing, and the names and sizes of its parts in bytes."""

    digest: str
    parts: dict[str, int]


class _BytesReader:
    """One file that is in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def open(self, path: str) -> BytesIO:
        """Return an open file."""
        return BytesIO(self._content)

    def stamp(self, path: str) -> str:
        """Return the number of bytes."""
        return str(len(self._content))


def digest_listing(listing: Listing) -> str:
    """Return sixteen hexadecimal digits of all files: names, sizes and times, labels and splits."""
    found = hashlib.blake2b(msgspec.json.encode((listing.classes, listing.layout)), digest_size=8)
    names = LeftOuts(Path(listing.root))
    for split, files in listing.splits.items():
        for path, label in files:
            try:
                stamp = listing.reader.stamp(path)
            except OSError:
                stamp = ""
            found.update(f"{split}\0{names.name_of(path)}\0{label}\0{stamp}\n".encode())
    return found.hexdigest()


def make_store(listing: Listing, home: Path, say: Tell) -> Store:
    """Return the store of a listing, in a folder of its own in `home`; it is made if it is not there or not whole.

    Raises InvalidData if the folder is of another data set, or if there is no space for it.
    """
    digest = digest_listing(listing)
    folder = home / f"{Path(listing.root).name}-{digest}"
    return Store(folder, tuple(_parts(listing, folder, digest, say).parts))


def _parts(listing: Listing, folder: Path, digest: str, say: Tell) -> Manifest:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            found = _read_manifest(folder, digest)
            return _make(listing, folder, digest, say) if found is None else found
    except OSError as error:
        raise InvalidData(
            f"{folder}: the store of encoded images cannot be written ({error.strerror or error}). Free space, or set "
            "NAS_CACHE to a folder that has it; what is made already is used then."
        ) from error


def _read_manifest(folder: Path, digest: str) -> Manifest | None:
    """Return what a folder says of itself; None if it is not whole."""
    path = folder / _MANIFEST
    if not path.is_file():
        return None
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.MsgspecError as error:
        raise InvalidData(f"{path}: is broken ({error}). Remove {folder}: it is made anew.") from error
    if found.digest != digest:
        raise InvalidData(f"{folder}: is the store of another data set. Remove it, or set NAS_CACHE to another folder.")
    whole = all(_size(folder / name) == size for name, size in found.parts.items())
    return found if whole else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _make(listing: Listing, folder: Path, digest: str, say: Tell) -> Manifest:
    """Write all parts that are not there yet, then the manifest."""
    files, start, sizes = listing.files, 0, dict[str, int]()
    (folder / _MANIFEST).unlink(missing_ok=True)
    for old in folder.glob(".*.partial"):
        old.unlink()
    _require_space(listing, files, folder)
    say(f"Making a store of {len(files)} encoded images in {folder}, once: they do not fit into memory.")
    if older := sorted(path.name for path in folder.parent.glob(f"{Path(listing.root).name}-*") if path != folder):
        say(f"Beside it are stores of the same name, of other data or of this before it changed: {', '.join(older)}.")
    while start < len(files):
        path = folder / f"part-{start:09d}.arrow"
        stop = _stop_of(path, digest, start)
        if stop is None:
            rows = _Rows(listing, files, start)
            write_part(path, rows, partial(rows.header, digest))
            stop = rows.stop
            _tell(start, stop, len(files), say)
        sizes[path.name], start = path.stat().st_size, stop
    for old in folder.glob("part-*.arrow"):
        if old.name not in sizes:
            old.unlink()
    manifest = Manifest(digest, sizes)
    write_bytes(folder / _MANIFEST, msgspec.json.encode(manifest))
    return manifest


def _tell(start: int, stop: int, total: int, say: Tell) -> None:
    """Say how far the store is, after every tenth of it."""
    if 10 * stop // total > 10 * start // total:
        say(f"{stop} of {total} images are in the store.")


def _require_space(listing: Listing, files: Sequence[File], folder: Path) -> None:
    """Raise InvalidData if the files, or the archives and tables that hold them, will not fit."""
    known = {_file_of(path) for path, _ in files}
    needed = sum(map(os.path.getsize, known)) - sum(part.stat().st_size for part in folder.glob("part-*.arrow"))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InvalidData(
            f"{listing.root}: its store takes {needed / 1e9:.1f} GB more, but {folder} has {free / 1e9:.1f} GB. Free "
            "space, or set NAS_CACHE to a folder on another disk."
        )


def _file_of(path: str) -> str:
    """Return the file of a disk that a path is, or lies within."""
    while not os.path.isfile(path) and path not in ("", "/"):
        path = os.path.dirname(path)
    return path or "/"


def _stop_of(path: Path, digest: str, start: int) -> int | None:
    """Return where a part that is there ends; None if it has to be written."""
    try:
        header = StorePart(path).header
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException, msgspec.MsgspecError):
        return None
    return header.stop if (header.digest, header.start) == (digest, start) and header.stop > start else None


class _Rows:
    """The images of a listing from one file on, up to about the size of a part."""

    def __init__(self, listing: Listing, files: Sequence[File], start: int) -> None:
        self._listing, self._files, self._names = listing, files, LeftOuts(Path(listing.root))
        self.stop = self._start = start
        self.left_out: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[StoredRow]:
        """Iterate over the images; what is none is counted."""
        size = 0
        for row in map_ahead(self._read, range(self._start, len(self._files))):
            path, self.stop = self._files[self.stop][0], self.stop + 1
            if isinstance(row, str):
                self.left_out.append((row, path))
                continue
            yield row
            size += len(row.image)
            if size >= _PART_BYTES:
                return

    def header(self, digest: str) -> PartHeader:
        """Return what was read."""
        return PartHeader(digest, self._start, self.stop, tuple(self.left_out))

    def _read(self, number: int) -> StoredRow | str:
        path, label = self._files[number]
        return read_row(number, path, label, self._names.name_of(path), self._listing.reader)


def read_row(row: int, path: str, label: int, name: str, reader: FileReader) -> StoredRow | str:
    """Return an image as a store keeps it, decoded once to see that it can be; or why it is left out."""
    try:
        with reader.open(path) as file:
            content = file.read(_MOST_FILE)
    except OSError:
        return BROKEN
    held = _BytesReader(content)
    head = read_head(path, held)
    if isinstance(head, str):
        return head
    extremes = read_extremes(path, head.format, held) if head.deep else None
    depth = None if extremes is None else choose_depth(extremes, mixed=False)
    pixels = decode_picture(BytesIO(content), head.format, PREVIEW, "RGB", depth)
    if pixels is None or (head.deep and extremes is None):
        return BROKEN
    return StoredRow(
        row=row,
        name=name,
        label=label,
        format=head.format,
        shorter=head.shorter,
        grey=head.grey,
        frames=head.frames,
        layer=bool(pixels.layer),
        plain=bool(pixels.values.min() == pixels.values.max()),
        extremes=extremes,
        key=key_of(content),
        preview=pixels.values.tobytes(),
        image=content,
    )
