"""`read_content`: what a file of weights holds, told by its content and not by its name. Nothing of it is executed."""

import argparse
import json
import pickle
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct
from safetensors import SafetensorError
from safetensors.torch import load as parse

from nas.errors import NasError

MOST_BYTES = 4_000_000_000
_SAVE = "Save `model.state_dict()` with torch.save or safetensors."
# What other files begin with, from which byte on.
_OTHERS = (
    (0, b"\x89HDF", "a file of HDF5, as Keras writes them"),
    (4, b"TFL3", "a TFLite model"),
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`"),
    (0, b"<", "a page of HTML or XML: the download failed"),
    (0, b"\x1f\x8b", "packed with gzip: unpack it"),
    (0, b"{", "a text file of JSON"),
    (0, b"\x93NUMPY", "an array of NumPy"),
)
# All four bytes: a safetensors file whose header has 19,280 of them begins with "PK" too.
_ZIP = b"PK\x03\x04"
# What torch's reader says of objects that it does not make.
_OBJECTS = ("nsupported", "blocked", "Can only", "unrecognized")


class Content(Struct, frozen=True, eq=False):
    """What a file holds: tensors in containers, and the header's texts if it is a safetensors file."""

    tree: Any
    header: dict[str, str] = {}


class Blank:
    """Stands for an object of a class that is not known here, and keeps nothing of it."""

    def __new__(cls, *_: object, **__: object) -> "Blank":
        """A new one, whatever it would have been made of."""
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None:
        """Forget the state."""


def read_content(path: Path) -> Content:
    """The tensors of a safetensors file or of one that torch.save wrote.

    Raises NasError with the reason for any other. A pickle is read by torch's restricted reader, which makes tensors
    and plain containers only; objects of all other classes are left blank.
    """
    try:
        check_size(path, path.stat().st_size)
        with path.open("rb") as file:
            start = file.read(64)
        if start[8:9] == b"{" and start[:4] != _ZIP:
            return _read_safetensors(path.read_bytes())
        return Content(_read_torch(path, start))
    except OSError as error:
        raise NasError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except SafetensorError as error:
        raise _no_weights(path, error) from error


def read_header(data: bytes) -> dict[str, str]:
    """The texts in the header of a safetensors file; none if it has none."""
    (length,) = struct.unpack("<Q", data[:8])
    found = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return {str(name): str(value) for name, value in found.items()}


def check_size(path: Path, size: int) -> None:
    """Raise NasError for a file that is too large to be a phone network's weights."""
    if size > MOST_BYTES:
        raise NasError(f"{path}: holds more than {MOST_BYTES} bytes, which no phone network's weights do.")


def _read_safetensors(data: bytes) -> Content:
    return Content(dict(parse(data)), read_header(data))


def _read_torch(path: Path, start: bytes) -> Any:
    for place, mark, kind in _OTHERS:
        if start[place:].startswith(mark):
            raise NasError(f"{path}: is {kind}. It holds no weights that can be read here. {_SAVE}")
    known: list[Any] = [argparse.Namespace]
    try:
        if zipfile.is_zipfile(path):
            _check_archive(path)
            known += [(Blank, name) for name in torch.serialization.get_unsafe_globals_in_checkpoint(path)]
        # Opened here: torch judges a path by its ending.
        with warnings.catch_warnings(), torch.serialization.safe_globals(known), path.open("rb") as file:
            warnings.simplefilter("ignore")  # about the file; what is wrong with it is told in a sentence
            found = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, NasError):
        raise
    except pickle.UnpicklingError as error:
        if not any(word in str(error) for word in _OBJECTS):
            raise _no_weights(path, error) from error
        raise _objects(path) from error
    except Exception as error:  # a broken file ends in whatever its reader stumbles over
        raise _no_weights(path, error) from error
    if isinstance(found, Blank):
        raise _objects(path)
    return found


def _check_archive(path: Path) -> None:
    """Raise NasError for an archive that torch.save did not write, or that unpacks to more than is sensible."""
    with zipfile.ZipFile(path) as packed:
        check_size(path, sum(part.file_size for part in packed.infolist()))
        names = packed.namelist()
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise NasError(
            f"{path}: is a TorchScript program, which would have to be executed to be read. {_SAVE} If you trust the "
            f"file: torch.save(torch.jit.load({path.name!r}).state_dict(), 'weights.pth')."
        )
    if any(name.endswith("archive_format") for name in names):
        raise NasError(f"{path}: is a program that torch.export wrote, not weights. {_SAVE}")
    if not any(name.endswith("data.pkl") for name in names):
        raise NasError(f"{path}: is a zip archive that torch.save did not write ({names[0] if names else 'empty'}).")


def _objects(path: Path) -> NasError:
    return NasError(
        f"{path}: holds Python objects beside its tensors, which are never run here: a whole model, for one. {_SAVE}"
    )


def _no_weights(path: Path, error: Exception) -> NasError:
    first = str(error).partition("\n")[0]
    # A bare key or number says nothing, and torch's own advice is to execute the file.
    reason = first if " " in first and "weights_only" not in first else "it cannot be read"
    return NasError(f"{path}: is no weights file ({reason}). Known are safetensors and what torch.save writes.")
