"""`LatencyTable`: timings under one set of conditions, with the report card that says how far to trust them.

The file is JSON lines: a header, then one entry a line, so that a timing taken later is one more line.
"""

import math
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from filelock import FileLock
from msgspec import Struct

from nas.errors import InvalidTable, NasError
from nas.latency.calibrate import Calibration
from nas.latency.conditions import Conditions
from nas.latency.entry import parse_key
from nas.latency.report_card import Validation
from nas.latency.timing import Timing

VERSION = 1
_LARGEST_FILE = 64 << 20
_REBUILD = "build the table again with 'nas table build'"


class Reference(Struct, frozen=True, forbid_unknown_fields=True):
    """The network every timing is a ratio to.

    `nominal_ms` turns ratios into milliseconds. `call_ms` is what a call of the runtime costs beside the ops: a whole
    network pays it once, so it is taken off every entry and added once to an estimate.
    """

    name: str
    nominal_ms: float
    call_ms: float


class Header(Struct, frozen=True, forbid_unknown_fields=True, tag_field="format", tag="nas-latency-table"):
    """The first line of a table file."""

    version: int
    conditions: Conditions
    space: str
    resolution: int
    reference: Reference
    calibration: Calibration
    validation: Validation
    created: str
    contended: bool
    seconds: float


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """A further line of a table file."""

    key: str
    timing: Timing


class LatencyTable(Struct, frozen=True):
    """A header and the timing of every known key."""

    header: Header
    timings: Mapping[str, Timing]

    def extended(self, more: Mapping[str, Timing]) -> "LatencyTable":
        """The same table with further entries."""
        return LatencyTable(self.header, {**self.timings, **more})


class _Version(Struct, tag_field="format", tag="nas-latency-table"):
    version: int


def read_table(path: Path) -> LatencyTable:
    """The table of a file; raises InvalidTable with path, line and rule. A last line cut by a crash is left out."""
    lines = _lines(path)
    header = _header(path, lines[0] if lines else b"")
    timings: dict[str, Timing] = {}
    for number, line in enumerate(lines[1:], start=2):
        row = _row(f"{path} line {number}", line)
        if timings.setdefault(row.key, row.timing) != row.timing:
            raise InvalidTable(
                f"{path} line {number}: {row.key!r} is there twice with different timings; delete one line, "
                f"or {_REBUILD}."
            )
    return LatencyTable(header, timings)


def write_table(path: Path, table: LatencyTable) -> None:
    """Writes a whole table at once: a reader sees the old file or the new one."""
    content = msgspec.json.encode(table.header) + b"\n" + _encode(table.timings)
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
            table = read_table(path)
            new = {key: timing for key, timing in timings.items() if key not in table.timings}
            _append(path, _encode(new))
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


def _encode(timings: Mapping[str, Timing]) -> bytes:
    return b"".join(msgspec.json.encode(Row(key, timing)) + b"\n" for key, timing in timings.items())


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
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _header(path: Path, line: bytes) -> Header:
    try:
        version = msgspec.json.decode(line, type=_Version).version
        if version != VERSION:
            raise InvalidTable(
                f"{path} line 1: version = {version}, but this program reads version {VERSION}; {_REBUILD}."
            )
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidTable(f"{path} line 1 is no header of a latency table ({error}); {_REBUILD}.") from error
    _require_positive(f"{path} line 1: reference", (header.reference.nominal_ms,))
    _require_positive(f"{path} line 1: calibration", header.calibration.factors.values())
    return header


def _row(where: str, line: bytes) -> Row:
    try:
        row = msgspec.json.decode(line, type=Row)
        parse_key(row.key)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidTable(f"{where} is no table entry ({error}); delete the line, or {_REBUILD}.") from error
    except InvalidTable as error:
        raise InvalidTable(f"{where}: {error}") from error
    _require_positive(f"{where}: {row.key!r}", (row.timing.ms, row.timing.p10_ms, row.timing.p90_ms))
    return row


def _require_positive(where: str, values: Iterable[float]) -> None:
    for value in values:
        if not (math.isfinite(value) and value > 0):
            raise InvalidTable(f"{where} has the value {value!r}, but it must be above zero; {_REBUILD}.")


def _unwritable(path: Path, error: OSError) -> NasError:
    return NasError(f"{path} cannot be written ({error.strerror}); free space there, or choose another path.")
