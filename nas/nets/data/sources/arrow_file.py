"""Parquet and Arrow files as tables of columns, read part by part: memory does not grow with their rows."""

import bisect
import os
import threading
from itertools import accumulate
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from nas.errors import InvalidData

ERRORS = (OSError, pa.ArrowException, ValueError, OverflowError, MemoryError)
_MOST_PART = 4_000_000_000  # bytes of one column in one row group of a Parquet file, which is read whole


class ArrowFile(Protocol):
    """A table in a file."""

    @property
    def path(self) -> str:
        """The file."""
        ...

    @property
    def schema(self) -> Any:
        """Names and types of the columns."""
        ...

    def column(self, name: str) -> list[Any]:
        """Return all values of a column."""
        ...

    def value(self, name: str, row: int) -> Any:
        """Return one value of a column."""
        ...


class ParquetTable:
    """A Parquet file; the row group that was read last is kept, as rows are read in order."""

    def __init__(self, path: str) -> None:
        """Raises InvalidData if it is cut or broken."""
        self.path = path
        try:
            self._file = pq.ParquetFile(path)
            counts = [self._file.metadata.row_group(k).num_rows for k in range(self._file.num_row_groups)]
        except ERRORS as error:
            raise broken(path, error) from error
        self._ends = list(accumulate(counts))
        self._kept: tuple[str, int, Any] | None = None
        self._lock = threading.Lock()

    @property
    def schema(self) -> Any:
        """Names and types of the columns."""
        return self._file.schema_arrow

    def column(self, name: str) -> list[Any]:
        """Return all values of a column."""
        return list(self._file.read(columns=[name]).column(name).to_pylist())

    def value(self, name: str, row: int) -> Any:
        """Return one value of a column."""
        group = bisect.bisect_right(self._ends, row)
        with self._lock:
            if self._kept is None or self._kept[:2] != (name, group):
                self._kept = None
                self._require_size(name, group)
                self._kept = name, group, self._file.read_row_group(group, columns=[name]).column(name)
            return self._kept[2][row - (self._ends[group - 1] if group else 0)].as_py()

    def _require_size(self, name: str, group: int) -> None:
        found = self._file.metadata.row_group(group)
        parts = [found.column(k) for k in range(found.num_columns)]
        size = sum(part.total_uncompressed_size for part in parts if part.path_in_schema.split(".")[0] == name)
        if size > _MOST_PART:
            raise InvalidData(
                f"{self.path}: row group {group} holds {size} bytes of {name!r}, but {_MOST_PART} are the most that "
                "is read at once. Write the file with smaller row groups."
            )


class StreamTable:
    """An Arrow stream, as `datasets.save_to_disk` writes them: memory-mapped, so that nothing is read before use."""

    def __init__(self, path: str) -> None:
        """Raises InvalidData if it is cut or broken."""
        self.path = path
        try:
            self._table = pa.ipc.open_stream(pa.memory_map(path)).read_all()
            self._table.validate(full=False)
        except ERRORS as error:
            raise broken(path, error) from error

    @property
    def schema(self) -> Any:
        """Names and types of the columns."""
        return self._table.schema

    def column(self, name: str) -> list[Any]:
        """Return all values of a column."""
        return list(self._table.column(name).to_pylist())

    def value(self, name: str, row: int) -> Any:
        """Return one value of a column."""
        return self._table.column(name)[row].as_py()


def open_table(path: str) -> ArrowFile:
    """Return the table in a Parquet file or an Arrow stream; raises InvalidData if it is cut or broken."""
    if not os.path.isfile(path):
        raise InvalidData(f"{path}: is missing. Copy or download the data set again.")
    return ParquetTable(path) if path.lower().endswith(".parquet") else StreamTable(path)


def broken(path: str, error: Exception) -> InvalidData:
    """Return the error about a file that cannot be read."""
    told = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InvalidData(f"{path}: is cut or broken ({told}). Copy or download it again.")
