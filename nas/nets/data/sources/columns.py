"""Images in a column: Parquet files and data sets that `datasets.save_to_disk` wrote.

The features that Hugging Face's library keeps in the schema say which columns are images and which are classes. Without
them an image column holds bytes, or structs with a field `bytes`, and labels are found by name as in any table.
"""

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from nas.errors import InvalidData
from nas.nets.data.file_reader import DISK
from nas.nets.data.reading.layout import Layout
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import SPLITS, SplitName
from nas.nets.data.reading.sniff import format_in
from nas.nets.data.reading.table import LABELS, find_column
from nas.nets.data.reading.tables import NO_LABEL, Labels, sort_classes
from nas.nets.data.sources.arrow_file import ERRORS, ArrowFile, broken, open_table

_SNIFFED = 20  # first images of a file, one of which has to be an image


class Feature(Struct, frozen=True):
    """What Hugging Face's library says of a column."""

    type: str = msgspec.field(default="", name="_type")
    names: list[str] | None = None


class _Info(Struct, frozen=True):
    features: dict[str, Any] = {}


class _Schema(Struct, frozen=True):
    info: _Info = _Info()


class ImageColumn(Struct, frozen=True, eq=False):
    """The images of a table and their labels as texts; None where a row has none."""

    table: ArrowFile
    name: str
    labels: list[str | None]
    classes: tuple[str, ...]


class ColumnFiles:
    """Images of columns as files: the path of one is that of its table, a slash, and the number of its row."""

    def __init__(self, columns: Sequence[ImageColumn]) -> None:
        self._columns = {column.table.path: column for column in columns}

    def open(self, path: str) -> BinaryIO:
        """Return an image in memory; raises OSError if the row holds none."""
        file, row = os.path.split(path)
        column = self._columns[file]
        try:
            found = column.table.value(column.name, int(row))
        except ERRORS as error:
            raise OSError(str(error)) from error
        content, named = (found.get("bytes"), found.get("path")) if isinstance(found, dict) else (found, None)
        if content is None and isinstance(named, str) and "\0" not in named:
            return DISK.open(os.path.join(os.path.dirname(file), named))  # as in a table of paths
        if not isinstance(content, bytes):
            raise OSError(f"{path} holds no bytes")
        return io.BytesIO(content)

    def stamp(self, path: str) -> str:
        """Return size and time of the table."""
        found = os.stat(os.path.dirname(path))
        return f"{found.st_size} {found.st_mtime_ns}"


def holds_images(path: str) -> bool:
    """Tell whether a table has a column of images; a broken file raises InvalidData."""
    return _image_column(open_table(path)) is not None


def read_columns(
    root: str, kind: str, files: Mapping[SplitName, Sequence[str]], left_out: LeftOuts
) -> tuple[Layout, ColumnFiles]:
    """Return the labelled images of tables by split."""
    if not files.get("train"):
        raise InvalidData(f"{root}: holds tables of {', '.join(files) or 'no split'}, but none of the split 'train'.")
    columns = {split: [_read(path) for path in paths] for split, paths in files.items()}
    everything = [column for part in columns.values() for column in part]
    reader = ColumnFiles(everything)
    for column in everything:
        _check_images(column, reader)
    labels = {split: _labels(kind, columns[split], left_out) for split in SPLITS if split in columns}
    return Layout(kind, labels), reader


def _read(path: str) -> ImageColumn:
    table = open_table(path)
    image = _image_column(table)
    if image is None:
        told = ", ".join(f"{field.name!r} ({field.type})" for field in list(table.schema)[:8])
        raise InvalidData(
            f"{path}: no column holds images; its columns are {told}. An image column holds encoded bytes, as "
            "datasets.Image() writes them."
        )
    name, classes = _label_column(table, image)
    try:
        values = table.column(name)
    except ERRORS as error:
        raise broken(path, error) from error
    return ImageColumn(table, image, [_text(path, value, classes) for value in values], classes)


def _features(table: ArrowFile) -> dict[str, Feature]:
    """Return what Hugging Face's library says of the columns; nothing if that is not there or unreadable."""
    written = (table.schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        found = msgspec.json.decode(written, type=_Schema).info.features
        return {name: msgspec.convert(value, Feature) for name, value in found.items() if isinstance(value, dict)}
    except msgspec.MsgspecError:
        return {}


def _image_column(table: ArrowFile) -> str | None:
    """Return the name of the one image column; raises InvalidData if there are several."""
    import pyarrow as pa

    said = [name for name, feature in _features(table).items() if feature.type == "Image"]
    structs = [
        field.name
        for field in table.schema
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
    ]
    plain = [
        field.name for field in table.schema if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)
    ]
    found = said or structs or plain
    if len(found) > 1:
        raise InvalidData(f"{table.path}: columns {' and '.join(map(repr, found))} all hold images. Keep one.")
    return found[0] if found else None


def _label_column(table: ArrowFile, image: str) -> tuple[str, tuple[str, ...]]:
    """Return the name of the one column of labels, and the names of its classes if they are said."""
    features = _features(table)
    said = [name for name, feature in features.items() if feature.type == "ClassLabel"]
    if len(said) > 1:
        raise InvalidData(
            f"{table.path}: columns {' and '.join(map(repr, said))} could all be the labels. Remove all but one."
        )
    columns = [name for name in table.schema.names if name != image]
    found = said[0] if said else find_column(table.path, columns, LABELS)
    if found is None:
        raise InvalidData(
            f"{table.path}: no column holds labels (its columns are {', '.join(map(repr, columns)) or 'the images'}). "
            "Call it 'label', 'class' or 'target'."
        )
    return found, tuple(features[found].names or ()) if said else ()


def _text(path: str, value: Any, classes: tuple[str, ...]) -> str | None:
    """Return the name of a class; None if a row has no label, which Hugging Face writes as -1."""
    if value is None or value == -1:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidData(f"{path}: holds {value!r} where one label is needed. Give each image exactly one.")
    if classes and not 0 <= value < len(classes):
        raise InvalidData(f"{path}: holds label {value}, but {len(classes)} classes are named, numbered from 0.")
    return classes[value] if classes else str(value)


def _check_images(column: ImageColumn, reader: ColumnFiles) -> None:
    """Raise InvalidData if none of the first values of a column is an image."""
    paths = [f"{column.table.path}/{row}" for row in range(min(_SNIFFED, len(column.labels)))]
    if paths and not any(_is_image(path, reader) for path in paths):
        raise InvalidData(
            f"{column.table.path}: column {column.name!r} holds no images, by its first {len(paths)} values."
        )


def _is_image(path: str, reader: ColumnFiles) -> bool:
    try:
        with reader.open(path) as file:
            return format_in(file, path) is not None
    except OSError:
        return False


def _labels(kind: str, columns: Sequence[ImageColumn], left_out: LeftOuts) -> Labels:
    files: list[tuple[str, str]] = []
    for column in columns:
        for row, label in enumerate(column.labels):
            path = f"{column.table.path}/{row:08d}"
            if label is None:
                left_out.add(NO_LABEL, path)
            else:
                files.append((path, label))
    there = {label for _, label in files}
    named = next((column.classes for column in columns if column.classes), ())
    classes = tuple(name for name in named if name in there) if named else sort_classes(there)
    return Labels(kind, classes, tuple(files))
