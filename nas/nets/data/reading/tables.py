"""Images by tables of labels: which file a row means, and what has no row or no file."""

import os
from collections.abc import Sequence

from msgspec import Struct

from nas.errors import InvalidData
from nas.nets.data.file_reader import DISK
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import SplitName, normal_name, split_of
from nas.nets.data.reading.sniff import is_picture
from nas.nets.data.reading.table import LabelRow, Table, read_tables
from nas.nets.data.reading.tree import Folder

NO_FILE = "rows of a table without their file"
NO_LABEL = "rows of a table without a label"
NO_ROW = "images without a row in the table"


class Labels(Struct, frozen=True):
    """Files with the names of their classes, in a fixed order; `kind` says where the labels are from."""

    kind: str
    classes: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


class _Files:
    """The files below a folder, found by path, name, or name without ending, if that is of one file only."""

    def __init__(self, folder: Folder) -> None:
        self.root = folder.path
        self.reader = folder.reader
        self.all = tuple(folder.paths())
        self._by_key: dict[str, str | None] = {}
        for path in self.all:
            inside = normal_name(os.path.relpath(path, folder.path))
            name = os.path.basename(inside)
            for key in {name, os.path.splitext(name)[0]} - {inside}:
                self._by_key[key] = None if key in self._by_key else path
        self._exact = {normal_name(os.path.relpath(path, folder.path)): path for path in self.all}

    def find(self, row: LabelRow, table: Table) -> str | None:
        """Return the file that a row means: as seen from the table, from this folder, or by its name alone."""
        if not row.path or "\0" in row.path:
            return None
        inside = os.path.normpath(row.path.replace("\\", "/"))
        whole = os.path.join(os.path.dirname(table.file), inside)
        for key in (normal_name(os.path.relpath(whole, self.root)), inside):
            if key in self._exact:
                return self._exact[key]
        if os.path.isabs(inside):
            return inside if self.reader is DISK and os.path.isfile(inside) else None
        return self._by_key.get(inside)


def read_split_tables(
    root: Folder, split: SplitName, folder: Folder, tables: Sequence[Table], left_out: LeftOuts
) -> Labels | None:
    """Return what the table in a split's folder says, or one beside the folder that is named for the split or all."""
    inner, unusable = read_tables(folder)
    if unusable and not inner and split == "train":
        raise InvalidData(unusable[0])
    named = [table for table in tables if split_of(os.path.splitext(table.name)[0]) == split]
    whole = [table for table in tables if split_of(os.path.splitext(table.name)[0]) is None]
    for candidates in (inner, named, whole):
        labelled = [table for table in candidates if table.label is not None]
        if len(labelled) > 1:
            raise InvalidData(
                f"{folder.path}: {' and '.join(table.name for table in labelled)} both label its images. Keep one."
            )
        if labelled and candidates is not whole:
            return _labels(labelled[0], labelled[0].rows, _Files(folder), left_out, True)
        if labelled:
            return _part(labelled[0], split, folder, root, left_out)
    return None


def _part(table: Table, split: SplitName, folder: Folder, root: Folder, left_out: LeftOuts) -> Labels | None:
    """Return what a table that is of no split says about the files of one; None if it names none of them."""
    files, everywhere = _Files(folder), _Files(root)
    rows = [row for row in table.rows if files.find(row, table) is not None]
    lost = [row for row in table.rows if everywhere.find(row, table) is None] if split == "train" else []
    return _labels(table, [*rows, *lost], files, left_out, True) if rows else None


def read_whole_tables(
    root: Folder, tables: Sequence[Table], left_out: LeftOuts
) -> tuple[str, dict[SplitName, Labels], tuple[str, ...]]:
    """Return layout, labels of each split, and notes of a folder whose tables say everything."""
    files = _Files(root)
    rows: dict[SplitName, tuple[Table, list[LabelRow]]] = {}
    for table in tables:
        for split, part in _by_split(table).items():
            if split in rows:
                raise InvalidData(
                    f"{root.path}: {rows[split][0].name} and {table.name} both list images of one split. Keep one."
                )
            rows[split] = table, part
    if "train" not in rows or rows["train"][0].label is None:
        table = tables[0]
        raise InvalidData(
            f"{table.file}: no column holds the labels of training images. Call it 'label', 'class' or 'target'."
        )
    found = {split: _labels(table, part, files, left_out, False) for split, (table, part) in rows.items()}
    _leave_unlisted(files, {files.find(row, table) for table, part in rows.values() for row in part}, left_out)
    names = " and ".join(dict.fromkeys(table.name for table, _ in rows.values()))
    kept = {split: labels for split, labels in found.items() if labels.files or split == "train"}
    return f"table of labels {names}", kept, ()


def _by_split(table: Table) -> dict[SplitName, list[LabelRow]]:
    """Return the rows of each split: by the column of splits, the table's own name, or the paths' first folder."""
    own = split_of(os.path.splitext(table.name)[0])
    first = [split_of(row.path.replace("\\", "/").partition("/")[0]) for row in table.rows]
    by_folder = own is None and all(first) and any(row.split is None for row in table.rows)
    found: dict[SplitName, list[LabelRow]] = {}
    for row, folder in zip(table.rows, first, strict=True):
        split = split_of(row.split) if row.split is not None else folder if by_folder else own or "train"
        if split is None:
            raise InvalidData(f"{table.file}: {row.split!r} is no split. Write train, val or test into that column.")
        found.setdefault(split, []).append(row)
    return found


def _labels(table: Table, rows: Sequence[LabelRow], files: _Files, left_out: LeftOuts, complete: bool) -> Labels:
    """Return the files of rows with their labels; `complete` if every image of the folder should have a row."""
    found: dict[str, str] = {}
    listed = [(row, files.find(row, table)) for row in rows]
    for row, path in listed:
        if path is None:
            left_out.add(NO_FILE, os.path.join(os.path.dirname(table.file), row.path))
        elif row.label is None:
            left_out.add(NO_LABEL, path)
        elif found.setdefault(path, row.label) != row.label:
            raise InvalidData(f"{table.file}: {row.path} is labelled both {found[path]!r} and {row.label!r}. Keep one.")
    if rows and not any(path for _, path in listed):
        raise InvalidData(
            f"{table.file}: none of its files is there, as {rows[0].path!r}. Paths count from its folder."
        )
    if complete:
        _leave_unlisted(files, {path for _, path in listed}, left_out)
    return Labels(f"table of labels {table.name}", sort_classes(set(found.values())), tuple(sorted(found.items())))


def _leave_unlisted(files: _Files, listed: set[str | None], left_out: LeftOuts) -> None:
    for path in files.all:
        if path not in listed and is_picture(path, files.reader):
            left_out.add(NO_ROW, path)


def sort_classes(classes: set[str]) -> tuple[str, ...]:
    """Return classes in order: numbers by value, everything else by letters."""
    numbers = all(name.isdecimal() for name in classes)
    return tuple(sorted(classes, key=lambda name: (int(name) if numbers else 0, name)))
