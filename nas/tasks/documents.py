"""Annotation files: JSON, XML, YAML and lines of text, read without trusting them."""

import re
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree
from xml.parsers import expat

import msgspec
import yaml

from nas.errors import InvalidData
from nas.nets.data.reading.names import normal_name

Decoded = TypeVar("Decoded")
MOST_JSON_BYTES = 4_000_000_000
_MOST_XML_BYTES = 20_000_000
_MOST_TEXT_BYTES = 200_000_000
_MOST_YAML_BYTES = 1_000_000
_DEEPEST_XML = 100


def read_lines(path: str) -> list[str]:
    """Return the lines of a text file in UTF-8; raises InvalidData if it is none or too large."""
    return _text(path, _MOST_TEXT_BYTES).splitlines()


def decode_json(path: str, kind: type[Decoded]) -> Decoded:
    """Return a JSON file as a struct; raises InvalidData with the place at which it differs from the format."""
    try:
        return msgspec.json.decode(_bytes(path, MOST_JSON_BYTES).removeprefix(b"\xef\xbb\xbf"), type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidData(f"{path}: is not as its format demands: {error}.") from error


def parse_xml(path: str) -> ElementTree.Element:
    """Return the root of an XML file; raises InvalidData if it is broken or declares a document type.

    Entities, which can be made to fill the memory, need such a declaration, and annotations do not.
    """
    content = _bytes(path, _MOST_XML_BYTES)
    try:
        _check_plain(path, content)
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        raise InvalidData(f"{path}: is no proper XML ({error}).") from error


def _check_plain(path: str, content: bytes) -> None:
    """Raise InvalidData for a document type and for elements nested too deep."""
    depth = 0

    def refuse(*_: object) -> None:
        raise InvalidData(f"{path}: declares a document type, which annotations do not need. Remove the line <!DOCTYPE")

    def enter(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST_XML:
            raise InvalidData(f"{path}: has more than {_DEEPEST_XML} elements inside each other.")

    def leave(*_: object) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = enter
    parser.EndElementHandler = leave
    parser.Parse(content, True)


def load_yaml(path: str) -> dict[str, Any]:
    """Return a YAML file of settings, each plain value as text, so that a class `no` stays `no`.

    Raises InvalidData if it is broken or no table of settings.
    """
    try:
        found = yaml.load(_text(path, _MOST_YAML_BYTES), Loader=yaml.BaseLoader)  # texts, lists and tables only
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidData(f"{path}: is no proper YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise InvalidData(f"{path}: holds no settings like 'names: [cat, dog]'.")
    return found


def mentions(path: str, *words: bytes) -> bool:
    """Tell whether a file holds all words, without reading it as anything; False if it cannot be read."""
    try:
        content = _bytes(path, MOST_JSON_BYTES)
    except InvalidData:
        return False
    return all(word in content for word in words)


def matches(path: str, pattern: re.Pattern[bytes]) -> bool:
    """Tell whether a pattern occurs in a file; False if it cannot be read."""
    try:
        return pattern.search(_bytes(path, MOST_JSON_BYTES)) is not None
    except InvalidData:
        return False


def _text(path: str, most: int) -> str:
    try:
        return normal_name(_bytes(path, most).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidData(f"{path}: is no text in UTF-8 ({error}).") from error


def _bytes(path: str, most: int) -> bytes:
    try:
        if (size := Path(path).stat().st_size) > most:
            raise InvalidData(f"{path}: has {size:,} bytes, but at most {most:,} are read.")
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidData(f"{path}: cannot be read ({error.strerror}).") from error
