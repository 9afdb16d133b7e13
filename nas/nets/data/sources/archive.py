"""Archives as folders: one by itself, or all those that a folder holds."""

import os

from msgspec.structs import replace

from nas.nets.data.file_reader import FileReader
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import split_of
from nas.nets.data.reading.tree import Folder
from nas.nets.data.sources.container import JoinedFiles, skip_wrapping, tree_of
from nas.nets.data.sources.tar import TarFiles, is_tar
from nas.nets.data.sources.zipped import ZipFiles, is_zip

_ENDINGS = (".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zip")


def is_archive(path: str) -> bool:
    """Tell whether a file is a tar or zip archive, whole or cut."""
    return is_zip(path) or is_tar(path)


def has_archive_name(path: str) -> bool:
    """Tell whether a file is named like an archive."""
    return path.lower().endswith(_ENDINGS)


def open_archive(path: str, left_out: LeftOuts) -> TarFiles | ZipFiles:
    """Return the members of an archive; raises InvalidData if it is cut or broken."""
    return ZipFiles(path, left_out) if is_zip(path) else TarFiles(path, left_out)


def read_archive(path: str, files: TarFiles | ZipFiles) -> Folder:
    """Return the folder that an archive holds."""
    return skip_wrapping(tree_of(path, files.paths(), files))


def read_archives(folder: Folder, left_out: LeftOuts) -> Folder:
    """Return a folder in which archives are folders too, named without their endings: train.zip is train/."""
    readers: dict[str, FileReader] = {}
    found = _opened(folder, readers, left_out)
    return _with_reader(found, JoinedFiles(readers))


def _opened(folder: Folder, readers: dict[str, FileReader], left_out: LeftOuts) -> Folder:
    paths = [os.path.join(folder.path, name) for name in folder.files]
    archives = {path: open_archive(path, left_out) for path in paths if has_archive_name(path) and is_archive(path)}
    readers.update(archives)
    named = [_titled(path, skip_wrapping(tree_of(path, files.paths(), files))) for path, files in archives.items()]
    kept = tuple(name for name, path in zip(folder.files, paths, strict=True) if path not in archives)
    inner = [_opened(one, readers, left_out) for one in folder.folders]
    return Folder(folder.path, kept, (*inner, *named), folder.reader)


def _titled(path: str, folder: Folder) -> Folder:
    """Return an archive's folder under the archive's name; train/ in train.zip is the split itself."""
    title = os.path.basename(path)
    while title.lower().endswith(_ENDINGS):
        title = os.path.splitext(title)[0]
    split = split_of(title)
    if split is not None and [split_of(inner.name) for inner in folder.folders] == [split]:
        folder = folder.folders[0]
    return replace(folder, title=title)


def _with_reader(folder: Folder, reader: FileReader) -> Folder:
    return replace(folder, reader=reader, folders=tuple(_with_reader(inner, reader) for inner in folder.folders))
