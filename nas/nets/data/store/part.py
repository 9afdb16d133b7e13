"""One part of a store: an Arrow IPC file of consecutive images of a listing, memory-mapped when it is read."""

import mmap
import os
from collections.abc import Callable, Iterable, Iterator
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
    """A part, memory-mapped: nothing of an image is in memory before it is read."""

    def __init__(self, path: Path) -> None:
        """Raises pa.ArrowException or OSError if the file is cut or no part."""
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        reader = pa.ipc.open_file(pa.py_buffer(self._map))
        if not reader.schema.equals(_SCHEMA):
            raise OSError("its columns are others")
        read = [reader.get_batch_with_custom_metadata(k) for k in range(reader.num_record_batches)]
        self.header = msgspec.json.decode(read[-1].custom_metadata[_META], type=PartHeader)
        self._table = pa.Table.from_batches([one.batch for one in read], _SCHEMA)
        self._images, self._names = self._table.column("image"), self._table.column("name")
        self._previews, self._formats = self._table.column("preview"), self._table.column("format")

    def __len__(self) -> int:
        """How many images."""
        return int(self._table.num_rows)

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of numbers as an array; NaN where there is none."""
        return np.asarray(self._table.column(name).to_numpy())

    def format(self, place: int) -> str:
        """Return the format of an image."""
        return str(self._formats[place].as_py())

    def name(self, place: int) -> str:
        """Return the name of an image."""
        return str(self._names[place].as_py())

    def image(self, place: int) -> bytes:
        """Return the bytes of an image's file."""
        return bytes(self._images[place].as_py())

    def preview(self, place: int) -> NDArray[np.uint8]:
        """Return a preview [16, 16, 3]."""
        return np.frombuffer(self._previews[place].as_py(), np.uint8).reshape(PREVIEW, PREVIEW, 3)

    def release(self) -> None:
        """Give the pages that were read back to the system, which keeps them while it has memory for them."""
        self._map.madvise(mmap.MADV_DONTNEED)
