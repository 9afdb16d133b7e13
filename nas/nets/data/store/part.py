"""One part of a store: an Arrow IPC file of consecutive images of a listing."""

import mmap
import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from nas.nets.data.reading.depth import Extremes

PREVIEW = 16
"""Side in pixels of the previews that near copies are found by."""

_BATCH_BYTES = 32_000_000  # encoded images that are written, and held in memory, at once
_META = b"nas"
_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("name", pa.string()),
        ("label", pa.int32()),
        ("format", pa.string()),
        ("shorter", pa.int32()),
        ("grey", pa.bool_()),
        ("frames", pa.bool_()),
        ("layer", pa.bool_()),
        ("plain", pa.bool_()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("whole", pa.bool_()),
        ("key", pa.uint64()),
        ("preview", pa.binary(3 * PREVIEW * PREVIEW)),
        ("image", pa.large_binary()),
    ]
)


class StoredRow(Struct, frozen=True):
    """One image: its number in the listing, what its header says, its preview RGB [16, 16, 3], and its file's bytes.

    `extremes` are there for an image of more than 8 bits only.
    """

    row: int
    name: str
    label: int
    format: str
    shorter: int
    grey: bool
    frames: bool
    layer: bool
    plain: bool
    extremes: Extremes | None
    key: int
    preview: bytes
    image: bytes


class PartHeader(Struct, frozen=True):
    """What a part is of: the digest of its listing, its range there, and what was left out of that with the reason."""

    digest: str
    start: int
    stop: int
    left_out: tuple[tuple[str, str], ...] = ()


def write_part(path: Path, rows: Iterable[StoredRow], header: Callable[[], PartHeader]) -> None:
    """Write a part under a temporary name, then under its own. The header is asked for after the last row."""
    partial = path.with_name(f".{path.name}.partial")
    with pa.OSFile(str(partial), "wb") as file, pa.ipc.new_file(file, _SCHEMA) as writer:
        for batch in _batches(rows):
            writer.write_batch(batch)
        writer.write_batch(_record([]), pa.KeyValueMetadata({_META: msgspec.json.encode(header())}))
    with partial.open("rb+") as written:
        os.fsync(written.fileno())
    partial.replace(path)


def _batches(rows: Iterable[StoredRow]) -> Iterator[Any]:
    waiting: list[StoredRow] = []
    size = 0
    for row in rows:
        waiting.append(row)
        size += len(row.image)
        if size >= _BATCH_BYTES:
            yield _record(waiting)
            waiting, size = [], 0
    if waiting:
        yield _record(waiting)


def _record(rows: list[StoredRow]) -> Any:
    values = {name: [getattr(row, name) for row in rows] for name in StoredRow.__struct_fields__ if name != "extremes"}
    for name in ("low", "high", "whole"):
        values[name] = [None if row.extremes is None else getattr(row.extremes, name) for row in rows]
    return pa.record_batch([pa.array(values[field.name], field.type) for field in _SCHEMA], schema=_SCHEMA)


class StorePart:
    """A part of a store. Of each image 17 bytes are in memory; its file is read where it lies when it is needed.

    The other columns are memory-mapped, only while they are read: mapped pages would count as this process's memory.
    """

    def __init__(self, path: Path) -> None:
        """Raises pa.ArrowException or OSError if the file is cut or no part."""
        self._path = path
        self._file = path.open("rb")
        weakref.finalize(self, self._file.close)
        with self._mapped() as (table, header, base):
            self.header = header
            places = [_places(chunk, base) for chunk in table.column("image").chunks if len(chunk)]
            kinds = table.column("format").to_pylist()
        self._places = np.concatenate([np.empty((0, 2), np.int64), *places])
        self._kinds = tuple(sorted(set(kinds)))
        self._formats = np.array([self._kinds.index(kind) for kind in kinds], dtype=np.uint8)

    def __len__(self) -> int:
        """How many images."""
        return len(self._places)

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of numbers as an array; NaN where there is none."""
        with self._mapped() as (table, _, _):
            return np.array(table.column(name).to_numpy())

    def format(self, place: int) -> str:
        """Return the format of an image."""
        return str(self._kinds[self._formats[place]])

    def name(self, place: int) -> str:
        """Return the name of an image."""
        with self._mapped() as (table, _, _):
            return str(table.column("name")[place].as_py())

    def image(self, place: int) -> bytes:
        """Return the bytes of an image's file; raises OSError if the part was cut meanwhile."""
        start, length = self._places[place].tolist()
        content = os.pread(self._file.fileno(), length, start)
        if len(content) < length:
            raise OSError("is cut")
        return content

    def previews(self, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return previews [N, 16, 16, 3]."""
        with self._mapped() as (table, _, _):
            found = table.column("preview").take(pa.array(places)).to_pylist()
        return np.frombuffer(b"".join(found), np.uint8).reshape(-1, PREVIEW, PREVIEW, 3)

    @contextmanager
    def _mapped(self) -> Iterator[tuple[Any, PartHeader, int]]:
        """The table, memory-mapped, what it says of itself, and the address of the file's first byte."""
        content = pa.py_buffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))
        reader = pa.ipc.open_file(content)
        if not reader.schema.equals(_SCHEMA):
            raise OSError("its columns are others")
        read = [reader.get_batch_with_custom_metadata(k) for k in range(reader.num_record_batches)]
        header = msgspec.json.decode(read[-1].custom_metadata[_META], type=PartHeader)
        yield pa.Table.from_batches([one.batch for one in read], _SCHEMA), header, content.address


def _places(images: Any, base: int) -> NDArray[np.int64]:
    """Return where in its file each image of a batch begins, and its length, in bytes [N, 2]."""
    _, offsets, values = images.buffers()
    ends = np.frombuffer(offsets, np.int64, len(images) + 1, 8 * images.offset)
    return np.stack([values.address - base + ends[:-1], np.diff(ends)], axis=1)
