"""Tables of paths and labels: CSV, TSV, metadata.jsonl and Parquet, with columns found by name."""

import csv
import io
import os
import re

import msgspec
from msgspec import Struct

from nas.errors import InvalidData
from nas.nets.data.file_reader import DISK, FileReader
from nas.nets.data.reading.names import normal_name
from nas.nets.data.reading.tree import Folder

_MOST_BYTES = 500_000_000
_MOST_FIELD = 1_000_000
_MOST_ROWS = 20_000_000
# Of the first set, several columns are ambiguous; the second counts only if there is none of the first.
_PATHS = (
    frozenset({"path", "file", "filename", "filepath", "image", "imagename", "imagepath", "imagefile", "img"})
    | frozenset({"imgpath", "imgname", "imagefilename", "images"}),
    frozenset({"id", "imageid", "imgid", "name"}),
)
LABELS = (
    frozenset({"label", "labels", "class", "classname", "target", "category", "classlabel", "labelname", "y"}),
    frozenset({"classid", "labelid", "targetid", "categoryid", "species", "breed", "diagnosis"}),
)
_SPLIT_COLUMNS = (frozenset({"split", "subset", "partition", "set", "fold"}), frozenset[str]())


class LabelRow(Struct, frozen=True):
    """One image of a table: its path as written, its label (None: none given), its split as written."""

    path: str
    label: str | None
    split: str | None


class Table(Struct, frozen=True):
    """A table of images: the columns used, by name; `label` None if no column holds labels."""

    file: str
    label: str | None
    rows: tuple[LabelRow, ...]

    @property
    def name(self) -> str:
        """The name of the file."""
        return os.path.basename(self.file)


def is_table(name: str) -> bool:
    """Tell whether a file may be a table of labels; samples of submissions to a contest are not."""
    return name.lower().endswith((".csv", ".tsv", ".jsonl", ".parquet")) and "submission" not in name.lower()


def read_tables(folder: Folder) -> tuple[list[Table], list[str]]:
    """Return the tables of a folder that name images, and a sentence for each that does not, or is ambiguous."""
    tables, unusable = [], []
    for name in filter(is_table, folder.files):
        try:
            tables.append(read_table_file(os.path.join(folder.path, name), folder.reader))
        except InvalidData as error:
            unusable.append(str(error))
    return tables, unusable


def read_table_file(file: str, reader: FileReader = DISK) -> Table:
    """Return a table; raises InvalidData if it names no images, is ambiguous or broken."""
    return as_table(file, _records(file, reader))


def as_table(file: str, records: list[dict[str, object]]) -> Table:
    """Return the table of records; raises InvalidData if they name no images or are ambiguous."""
    if not records:
        raise InvalidData(f"{file}: has no rows.")
    columns = list(dict.fromkeys(name for record in records[:1000] for name in record))
    path, label, split = (find_column(file, columns, kinds) for kinds in (_PATHS, LABELS, _SPLIT_COLUMNS))
    if path is None:
        raise InvalidData(
            f"{file}: no column names the image files (its columns are {', '.join(map(repr, columns[:12]))}). "
            "Call that column 'path', 'file_name' or 'image', and the one of the labels 'label'."
        )
    rows = tuple(
        LabelRow(
            normal_name(_text(file, record.get(path)) or ""), _value(file, record, label), _value(file, record, split)
        )
        for record in records
    )
    return Table(file, label, rows)


def find_column(file: str, columns: list[str], kinds: tuple[frozenset[str], frozenset[str]]) -> str | None:
    """Return the one column of a kind; raises InvalidData if there are several."""
    for kind in kinds:
        found = [name for name in columns if re.sub(r"[^a-z]", "", name.casefold()) in kind]
        if len(found) > 1:
            raise InvalidData(
                f"{file}: columns {' and '.join(map(repr, found))} could mean the same. Keep one and rename the others."
            )
        if found:
            return found[0]
    return None


def _value(file: str, record: dict[str, object], column: str | None) -> str | None:
    return None if column is None else _text(file, record.get(column))


def _text(file: str, value: object) -> str | None:
    """Return a value as text in one Unicode form; None for an empty one."""
    if isinstance(value, (list, dict)):
        raise InvalidData(f"{file}: holds {value!r} where one label is needed. Give each image exactly one.")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else normal_name(str(value)).strip()
    return text or None


def _records(file: str, reader: FileReader) -> list[dict[str, object]]:
    try:
        with reader.open(file) as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise InvalidData(f"{file}: has more than {_MOST_BYTES} bytes, the most that a table of labels may have.")
        if file.lower().endswith(".parquet"):
            return _from_parquet(file, content)
        text = content.decode("utf-8-sig")
        return _json_lines(text) if file.lower().endswith(".jsonl") else _separated(text)
    except (OSError, ValueError, csv.Error, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidData(f"{file}: cannot be read as a table in UTF-8 ({error}).") from error


def _from_parquet(file: str, content: bytes) -> list[dict[str, object]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(pa.BufferReader(content))
        size = sum(table.metadata.row_group(k).total_byte_size for k in range(table.num_row_groups))
        if size > _MOST_BYTES or table.metadata.num_rows > _MOST_ROWS:
            raise InvalidData(f"{file}: holds {size} bytes, but a table of labels may have {_MOST_BYTES}.")
        return list(table.read().to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise InvalidData(f"{file}: is cut or broken ({error}). Copy or download it again.") from error


def _json_lines(text: str) -> list[dict[str, object]]:
    return [msgspec.json.decode(line, type=dict[str, object]) for line in text.split("\n") if line.strip()]


def _separated(text: str) -> list[dict[str, object]]:
    """Rows of a CSV whose separator is the most frequent of its first line: comma, semicolon or tab."""
    first = text.partition("\n")[0]
    csv.field_size_limit(_MOST_FIELD)
    separator = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, restkey="", restval="")
    names = [name.strip() for name in reader.fieldnames or () if name]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"it has several columns {min(twice)!r}")
    return [{key.strip(): value for key, value in row.items() if key} for row in reader]
