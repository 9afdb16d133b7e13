"""`nas resume`: an unfinished run goes on as it was begun."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec.structs import replace

from nas.cli.output import Json
from nas.errors import InvalidRun

_FILE = "asked.json"


def resume(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Go on with an unfinished search or NetAdapt, from any folder; nothing else needs to be said.

    Example: nas resume runs/photos
    """
    from nas.cli.asked import Asked
    from nas.cli.runs import run

    path = folder / _FILE
    try:
        asked = msgspec.json.decode(path.read_bytes(), type=Asked, dec_hook=_path)
    except FileNotFoundError as error:
        raise InvalidRun(
            f"{path}: is not there, so {folder} is no run, or one of an older version. Name the folder that "
            "`nas search` or `nas netadapt` wrote, or start the same command again with --out."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidRun(f"{path}: {error}. Start the same command again with --out {folder}.") from error
    run(replace(asked.common, out=folder, fresh=False, as_json=as_json), asked.task)


def _path(kind: type, value: Any) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind)
