"""Data sets of Hugging Face's library on disk: what `save_to_disk` wrote, and those by name, `hf:OWNER/NAME`.

What was saved is read by pyarrow; only a data set by name needs the package `datasets`, and a network.
"""

import hashlib
import importlib
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock
from msgspec import Struct

from nas.errors import InvalidData
from nas.nets.data.reading.layout import Layout
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import SplitName, split_of
from nas.nets.data.sources.columns import ColumnFiles, read_columns

HUB = "hf:"
_DICT, _STATE, _INFO = "dataset_dict.json", "state.json", "dataset_info.json"
_MOST_BYTES = 100_000_000


class _File(Struct, frozen=True):
    filename: str


class _State(Struct, frozen=True):
    files: list[_File] = msgspec.field(name="_data_files")


class _Dict(Struct, frozen=True):
    splits: list[str]


def is_saved(root: str) -> bool:
    """Tell whether a folder is what `save_to_disk` writes, of one split or several."""
    return os.path.isfile(os.path.join(root, _DICT)) or all(
        os.path.isfile(os.path.join(root, name)) for name in (_STATE, _INFO)
    )


def read_saved(root: str, left_out: LeftOuts) -> tuple[Layout, ColumnFiles]:
    """Return the labelled images of a saved data set; raises InvalidData if a file is missing, cut or broken."""
    files: dict[SplitName, list[str]] = {}
    for split, folder in _folders(root).items():
        found = _decode(os.path.join(folder, _STATE), _State)
        names = [one.filename for one in found.files]
        if wrong := [name for name in names if os.path.basename(name) != name]:
            raise InvalidData(f"{folder}: {_STATE} names {wrong[0]!r}, which is no file of this folder.")
        files[split] = [os.path.join(folder, name) for name in names]
    return read_columns(root, "saved by Hugging Face datasets", files, left_out)


def _folders(root: str) -> dict[SplitName, str]:
    """Return the folder of each split."""
    if not os.path.isfile(os.path.join(root, _DICT)):
        return {"train": root}
    found: dict[SplitName, str] = {}
    for name in _decode(os.path.join(root, _DICT), _Dict).splits:
        split = split_of(name)
        if split is None or split in found or os.path.basename(name) != name:
            raise InvalidData(f"{root}: split {name!r} is none of train, val and test, or there twice. Rename it.")
        found[split] = os.path.join(root, name)
    return found


def _decode(path: str, kind: type[Any]) -> Any:
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(_MOST_BYTES), type=kind)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise InvalidData(
            f"{path}: cannot be read ({error}). Save the data set again, or download it again."
        ) from error


def fetch_by_name(spec: str, cache: Path) -> Path:
    """Return the folder in the cache that holds a data set of the Hugging Face Hub; it is downloaded once."""
    name = spec.removeprefix(HUB)
    folder = cache / "hub" / f"{name.replace('/', '--')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            _download(spec, name, folder)
    return folder


def _download(spec: str, name: str, folder: Path) -> None:
    try:
        datasets = importlib.import_module("datasets")
    except ImportError as error:
        raise InvalidData(
            f"{spec}: needs the package `datasets`, which is not installed: pip install 'datasets>=4'. A data set that "
            "is on disk already, as save_to_disk or Parquet, needs no package: give its folder."
        ) from error
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        datasets.load_dataset(name).save_to_disk(str(partial))
    except Exception as error:
        raise InvalidData(
            f"{spec}: cannot be downloaded ({type(error).__name__}: {str(error).partition(chr(10))[0]}). "
            "Check the name and the network, or give the folder of a copy."
        ) from error
    partial.rename(folder)
