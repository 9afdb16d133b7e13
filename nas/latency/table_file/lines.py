"""Lines of a table file: JSON objects that carry a checksum, so that an edited number and a cut line are seen."""

import hashlib
from typing import Any

import msgspec

_FIELD = "check"
Document = dict[str, Any]


def seal(value: msgspec.Struct) -> bytes:
    """One line, its newline included."""
    document = msgspec.to_builtins(value)
    return msgspec.json.encode({**document, _FIELD: _digits(document)}) + b"\n"


def unseal(line: bytes) -> tuple[Document, str | None]:
    """The document of a line without its checksum, and what is wrong with that (None: nothing).

    The checksum is of the content, whatever the spaces and the order of fields. Raises msgspec.DecodeError where the
    line is no JSON object.
    """
    document = parse(line)
    said, found = document.pop(_FIELD, None), _digits(document)
    if said is None:
        return document, "has no checksum: it was cut or edited"
    return document, None if said == found else f"was edited or damaged: its checksum is {said!r}, not {found!r}"


def parse(line: bytes) -> Document:
    """The JSON object of a line, whoever wrote it; raises msgspec.DecodeError where it is none."""
    try:
        return msgspec.json.decode(line, type=Document)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def _digits(document: Document) -> str:
    return hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()[:8]
