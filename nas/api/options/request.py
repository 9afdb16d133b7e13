"""What was asked of a run, kept in its folder as `asked.json`, so that `nas resume` can go on with it."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nas.api.options.structs import NetAdaptOptions, SearchOptions
from nas.api.options.subject import NetworkSubject, RunSubject, StartsSubject
from nas.design.files import write_bytes
from nas.errors import InvalidRun

_FILE = "asked.json"


class RunRequest(Struct, frozen=True):
    """The options of a run and what it works on; `own` are the parts that were brought along and are no files."""

    options: SearchOptions | NetAdaptOptions
    subject: RunSubject
    own: dict[str, str] = {}


def keep_request(folder: Path, asked: RunRequest) -> None:
    """Write what a run was asked for, its files named so that they are found from any folder."""
    options, subject = asked.options, asked.subject
    if isinstance(subject, NetworkSubject) and subject.weights is not None:
        subject = replace(subject, weights=subject.weights.absolute())
    if isinstance(subject, StartsSubject):
        starts = tuple(replace(start, weights=start.weights.absolute()) for start in subject.starts)
        subject = replace(subject, starts=starts)
    table = options.table and _anywhere(options.table)
    asked = replace(asked, options=replace(options, data=_anywhere(options.data), table=table), subject=subject)
    write_bytes(folder / _FILE, msgspec.json.encode(asked, enc_hook=str))


def read_request(folder: Path) -> RunRequest:
    """What `keep_request` wrote; raises InvalidRun where it is not there or damaged, or cannot be asked again."""
    path = folder / _FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=RunRequest, dec_hook=_path)
    except FileNotFoundError as error:
        raise InvalidRun(
            f"{path}: is not there, so {folder} is no run, or one of an older version. Name the folder that "
            "`nas search` or `nas netadapt` wrote, or start the same command again with --out."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidRun(f"{path}: {error}. Start the same command again with --out {folder}.") from error
    if found.own:
        brought = ", ".join(f"{kind} {name}" for kind, name in found.own.items())
        raise InvalidRun(
            f"{folder}: was begun from Python with {brought}, which no file holds. Make the same call again with "
            f"out={str(folder)!r}: it goes on where it was."
        )
    return found


def _path(kind: type, value: Any) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind)


def _anywhere(name: str) -> str:
    return str(Path(name).absolute()) if Path(name).exists() else name
