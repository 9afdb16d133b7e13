"""`open_source`: what a path or a name means, as labelled files and a reader that opens them."""

import os
from pathlib import Path
from typing import NamedTuple

from nas.errors import InvalidData
from nas.nets.data.file_reader import FileReader
from nas.nets.data.reading.layout import Layout, read_layout
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import SplitName
from nas.nets.data.reading.table import is_table, read_table_file
from nas.nets.data.reading.tables import read_whole_tables
from nas.nets.data.reading.tree import Folder, read_tree
from nas.nets.data.sources.archive import has_archive_name, is_archive, open_archive, read_archive, read_archives
from nas.nets.data.sources.columns import holds_images, read_columns
from nas.nets.data.sources.saved import is_saved, read_saved
from nas.nets.data.sources.shards import expand_braces, is_shard, read_shards, split_in
from nas.nets.data.sources.tar import TarFiles
from nas.nets.data.sources.zipped import is_zip

_SHARDS_SEEN = 3  # archives of a folder that are opened to see whether they are shards


class Source(NamedTuple):
    """Labelled files by split, and what opens them."""

    layout: Layout
    reader: FileReader


def is_source(spec: str) -> bool:
    """Tell whether a folder, a file or a pattern of shards is there."""
    return any(os.path.exists(path) for path in (spec, *expand_braces(spec)[:1]))


def root_of(spec: str) -> Path:
    """Return the folder or archive that names of images count from."""
    whole = os.path.isdir(spec) or (os.path.isfile(spec) and is_archive(spec))
    return Path(spec) if whole else Path(spec).parent


def open_source(spec: str, left_out: LeftOuts) -> Source:
    """Return what a folder, an archive, a table or a pattern of shards holds.

    Raises InvalidData with what is wrong and what to do.
    """
    if os.path.isdir(spec):
        return _open_folder(Path(spec), left_out)
    paths = expand_braces(spec)
    if missing := [path for path in paths if not os.path.isfile(path)]:
        raise InvalidData(f"{missing[0]}: there is no such file; {len(missing)} of {len(paths)} of {spec} are missing.")
    if len(paths) > 1:
        return _open_shards(os.path.dirname(spec), paths, left_out)
    return _open_file(spec, left_out)


def _open_folder(root: Path, left_out: LeftOuts) -> Source:
    if is_saved(os.fspath(root)):
        return Source(*read_saved(os.fspath(root), left_out))
    tree = read_tree(root, left_out)
    if tree.holds_any:
        return Source(read_layout(tree, left_out), tree.reader)
    tables = [path for path in tree.paths() if path.lower().endswith(".parquet")]
    if tables and any(holds_images(path) for path in tables[:1]):
        return Source(*read_columns(os.fspath(root), "Parquet files", _by_split(root, tables), left_out))
    archives = [path for path in tree.paths() if has_archive_name(path) and is_archive(path)]
    tars = [path for path in archives if not is_zip(path)]
    if any(is_shard(TarFiles(path, LeftOuts(root))) for path in tars[:_SHARDS_SEEN]):
        return _open_shards(os.fspath(root), tars, left_out)
    tree = read_archives(tree, left_out) if archives else tree
    return Source(read_layout(tree, left_out), tree.reader)


def _open_file(path: str, left_out: LeftOuts) -> Source:
    if path.lower().endswith(".parquet") and holds_images(path):
        return Source(*read_columns(path, "Parquet file", {"train": [path]}, left_out))
    if is_table(path):
        return _open_table(path, left_out)
    if is_archive(path):
        files = open_archive(path, left_out)
        if isinstance(files, TarFiles) and is_shard(files):
            return Source(*read_shards(os.path.dirname(path), [(path, files)], left_out))
        tree = read_archive(path, files)
        return Source(read_layout(tree, left_out), tree.reader)
    raise InvalidData(
        f"{path}: is no data set. Give a folder, an archive (.zip, .tar), a table (.csv, .jsonl, .parquet) or an .npz."
    )


def _open_table(path: str, left_out: LeftOuts) -> Source:
    """Return the images that a table names; their paths count from its folder."""
    table = read_table_file(path)
    within = any(not os.path.isabs(row.path) for row in table.rows)
    home = os.path.dirname(path) or "."
    tree = read_tree(Path(home), left_out) if within else Folder(home, (), ())
    return Source(Layout(*read_whole_tables(tree, [table], left_out)), tree.reader)


def _open_shards(root: str, paths: list[str], left_out: LeftOuts) -> Source:
    return Source(*read_shards(root, [(path, TarFiles(path, left_out)) for path in paths], left_out))


def _by_split(root: Path, paths: list[str]) -> dict[SplitName, list[str]]:
    """Return tables by the split that their paths name; all are of training if none names one."""
    found: dict[SplitName, list[str]] = {}
    for path in paths:
        found.setdefault(split_in(os.path.relpath(path, root)) or "train", []).append(path)
    return found
