"""Lines of a table file as values; whatever is wrong with one is said with its place."""

import math
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from nas.errors import InvalidTable
from nas.latency.prediction.entry import parse_key
from nas.latency.table_file.header import TAG, VERSION, Header
from nas.latency.table_file.history import CHECKED, upgraded
from nas.latency.table_file.lines import Document, parse, unseal
from nas.latency.timing import Timing

REBUILD = "build the table again with 'nas table build'"


class TableRow(Struct, frozen=True, forbid_unknown_fields=True):
    """A further line of a table file."""

    key: str
    timing: Timing


class _Version(Struct, tag_field="format", tag=TAG):
    version: int


def header_of(where: str, line: bytes) -> tuple[Header, int]:
    """The header, brought up to this version, and the version it was written in. `where` begins the error."""
    try:
        document, damage = unseal(line)
        header, version = _header(where, document)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidTable(f"{where} is no header of a latency table ({error}); {REBUILD}.") from error
    _require_whole(where, damage, version)
    return header, version


def bare_header(where: str, data: bytes) -> Header:
    """The header in a file of its own, which has no checksum, brought up to this version."""
    try:
        return _header(where, parse(data))[0]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidTable(f"{where} is no header of a latency table ({error}).") from error


def _header(where: str, document: Document) -> tuple[Header, int]:
    version = msgspec.convert(document, _Version).version
    if not 1 <= version <= VERSION:
        raise InvalidTable(
            f"{where}: version = {version}, but this program reads 1 to {VERSION}; update it, or {REBUILD}."
        )
    header = msgspec.convert(upgraded(document), Header)
    require_positive(f"{where}: reference", (header.reference.nominal_ms,))
    require_positive(f"{where}: calibration", header.calibration.factors.values())
    require_positive(f"{where}: anchors", (anchor.ratio for anchor in header.anchors))
    require_positive(f"{where}: scale", (header.scale,))
    return header, version


def row_of(where: str, line: bytes, version: int = VERSION) -> TableRow:
    """The entry of a line. `where` begins the error."""
    try:
        document, damage = unseal(line)
        row = msgspec.convert(document, TableRow)
        parse_key(row.key)
    except msgspec.DecodeError as error:
        raise InvalidTable(f"{where} is no table entry ({error}); delete the line, or {REBUILD}.") from error
    except InvalidTable as error:
        raise InvalidTable(f"{where}: {error}") from error
    require_times(f"{where}: {row.key!r}", row.timing)
    _require_whole(where, damage, version)
    return row


def require_times(where: str, timing: Timing) -> None:
    """Raises InvalidTable where a time is not a number above zero."""
    require_positive(where, (timing.ms, timing.p10_ms, timing.p90_ms))


def require_positive(where: str, values: Iterable[float]) -> None:
    """Raises InvalidTable naming the value that is not above zero and finite."""
    for value in values:
        if not (math.isfinite(value) and value > 0):
            raise InvalidTable(f"{where} has the value {value!r}, but it must be above zero; {REBUILD}.")


def _require_whole(where: str, damage: str | None, version: int) -> None:
    """Last, so that a value that cannot be is named rather than the edit that made it."""
    if damage is not None and version >= CHECKED:
        raise InvalidTable(f"{where} {damage}. Take the file from where it came from, or {REBUILD}.")
