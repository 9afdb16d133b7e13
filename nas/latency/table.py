"""`LatencyTable`: timings under one set of conditions, with the report card that says how far to trust them.

The file is JSON lines: a header, then one entry a line, so that a timing taken later is one more line.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
from filelock import FileLock
from msgspec import Struct

from nas.design.size import describe_size
from nas.errors import InvalidTable, NasError
from nas.latency.table_file.decode import REBUILD, TableRow, header_of, require_times, row_of
from nas.latency.table_file.header import VERSION, Header, Reference
from nas.latency.table_file.lines import parse, seal
from nas.latency.timing import Timing
from nas.notebook import as_html

__all__ = ["VERSION", "Header", "LatencyTable", "Reference", "append_rows", "read_table", "write_table"]
_LARGEST_FILE = 64 << 20


class LatencyTable(Struct, frozen=True):
    """A header and the timing of every known key."""

    header: Header
    timings: Mapping[str, Timing]

    def extended(self, more: Mapping[str, Timing]) -> "LatencyTable":
        """The same table with further entries."""
        return LatencyTable(self.header, {**self.timings, **more})

    def _repr_html_(self) -> str:
        """What it is of and its report card, as a notebook shows it."""
        header, where, card = self.header, self.header.conditions, self.header.validation
        sizes = map(describe_size, header.resolutions)
        rows = {
            "device": where.device,
            "runtime": f"{where.runtime} {where.runtime_version}, {where.precision}, {where.threads} threads",
            "entries": f"{len(self.timings)} of {header.space} at {', '.join(sizes)} px",
            "milliseconds": header.statistic,
            "held-out networks": f"mean error {card.mape:.1%} of {card.count}, worst {card.worst:.1%}",
            "repeatability": f"{card.floor:.1%}",
        }
        return as_html(rows)


def read_table(path: Path) -> LatencyTable:
    """The table of a file of any version; raises InvalidTable with path, line and rule.

    A last line cut by a crash is left out; any other line that was cut or edited is an error.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[LatencyTable, int]:
    """The table, and the version its file has."""
    lines = _lines(path)
    header, version = header_of(f"{path} line 1", lines[0] if lines else b"")
    timings: dict[str, Timing] = {}
    for number, line in enumerate(lines[1:], start=2):
        row = row_of(f"{path} line {number}", line, version)
        if timings.setdefault(row.key, row.timing) != row.timing:
            raise InvalidTable(
                f"{path} line {number}: {row.key!r} is there twice with different timings; delete one line, "
                f"or {REBUILD}."
            )
    return LatencyTable(header, timings), version


def write_table(path: Path, table: LatencyTable) -> None:
    """Writes a whole table at once: a reader sees the old file or the new one."""
    content = seal(table.header) + _encode(path, table.timings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o644)
                Path(file.name).replace(path)
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise _unwritable(path, error) from error


def append_rows(path: Path, timings: Mapping[str, Timing]) -> LatencyTable:
    """Adds the entries that the file lacks and returns all it then has; a second process may do the same."""
    try:
        with FileLock(f"{path}.lock"):
            table, version = _read(path)
            new = {key: timing for key, timing in timings.items() if key not in table.timings}
            if version < VERSION:
                write_table(path, table.extended(new))
            else:
                _append(path, _encode(path, new))
    except OSError as error:
        raise _unwritable(path, error) from error
    return table.extended(new)


def _append(path: Path, content: bytes) -> None:
    """One write of whole lines, behind the last whole line."""
    with path.open("r+b") as file:
        before = file.read()
        file.seek(before.rfind(b"\n") + 1)
        file.truncate()
        tail = before[before.rfind(b"\n") + 1 :]
        if _complete(tail):
            content = tail + b"\n" + content
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _encode(path: Path, timings: Mapping[str, Timing]) -> bytes:
    """The lines of entries; what could not be read back is not written either."""
    for key, timing in timings.items():
        require_times(f"{path}: {key!r}", timing)
    return b"".join(seal(TableRow(key, timing)) for key, timing in timings.items())


def _lines(path: Path) -> list[bytes]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InvalidTable(f"{path} has more than {_LARGEST_FILE >> 20} MiB, more than any latency table.")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidTable(
            f"{path} cannot be read ({error.strerror}); give the path of a latency table, "
            "'nas list tables' shows those at hand."
        ) from error
    *lines, tail = content.split(b"\n")
    return [*lines, tail] if _complete(tail) else lines


def _complete(line: bytes) -> bool:
    """Whether a last line without its newline is whole all the same: a torn object does not parse."""
    try:
        parse(line)
    except msgspec.DecodeError:
        return False
    return True


def _unwritable(path: Path, error: OSError) -> NasError:
    return NasError(f"{path} cannot be written ({error.strerror}); free space there, or choose another path.")
