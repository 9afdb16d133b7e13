"""Architectures as files: JSON for machines, a table of text for people; both come back equal."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from nas.design.architecture import FIRST_FAMILY, Architecture
from nas.design.known import known
from nas.errors import InvalidArchitecture, NasError

T = TypeVar("T")
_AT = re.compile(r" - at `\$(.*)`$")


def resolve(text: str, classes: int | None = None) -> tuple[str, Architecture]:
    """Name and value of an ARCH argument: a file if there is one, else a known network's name.

    A file keeps its own number of classes; a known network gets `classes`, or as many as it was published
    for.
    """
    path = Path(text)
    if path.is_file() or path.suffix == ".json" or "/" in text:
        return path.stem, read_architecture(path)
    return text, known(text, classes)


def read_architecture(path: Path) -> Architecture:
    """The architecture in a JSON file; InvalidArchitecture names the path, the value and the rule it breaks."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidArchitecture(f"{path}: cannot be read ({error.strerror}).") from error
    if data[:1] and not data.lstrip().startswith((b"{", b"[")):
        raise InvalidArchitecture(
            f"{path}: is no JSON. Give an architecture.json, or a known network's name; files of weights are taken by "
            "`nas train`, `nas netadapt` and `nas export`."
        )
    return decode(with_families(data), Architecture, str(path), InvalidArchitecture)


def with_families(data: bytes) -> bytes:
    """The JSON of an architecture whose blocks say their family; older files do not, and have only the first one."""
    if b'"family"' in data:
        return data
    try:
        document = json.loads(data)
        blocks = [block for stage in document["stages"] for block in stage["blocks"]]
        for block in blocks:
            block.setdefault("family", FIRST_FAMILY)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return data  # whoever decodes it says what is wrong
    return json.dumps(document).encode()


def decode(data: bytes, kind: type[T], where: str, error_kind: type[NasError]) -> T:
    """A value of JSON bytes; the error says where, which value and which rule."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise error_kind(f"{where}: {explain(data, str(error))}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise error_kind(f"{where}: is not JSON ({error}).") from error


def explain(data: bytes, message: str) -> str:
    """A validation message with the offending value put in, where there is one."""
    found = _AT.search(message)
    path = found[1] if found else ""
    rule = _AT.sub("", message)
    rule = rule[0].lower() + rule[1:]
    try:
        value = _at(json.loads(data), path)
    except (LookupError, TypeError, ValueError, RecursionError):
        return f"{path.lstrip('.') or 'the document'}: {rule}."
    shown = json.dumps(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return f"{path.lstrip('.') or 'the document'} = {shown}: {rule}."


def _at(document: Any, path: str) -> Any:
    for key, index in re.findall(r"\.([A-Za-z_]\w*)|\[(\d+)\]", path):
        document = document[key] if key else document[int(index)]
    return document


def write_json(path: Path, value: msgspec.Struct) -> None:
    """Write a value as indented JSON, whole or not at all."""
    write_bytes(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a temporary neighbour is renamed over it."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise NasError(f"{path}: cannot be written ({error.strerror}). Free space or choose another place.") from error


def require_writable(path: Path) -> None:
    """Say that a file cannot be written before the work for it, not after."""
    probe = path.absolute().with_name(f".{path.name}.partial")
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise NasError(
            f"{path}: cannot be written ({error.strerror}). Give --out a file in a writable folder."
        ) from error
