"""`nas resume`: an unfinished run goes on as it was begun."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from nas.cli.text.output import Json


def resume(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Go on with an unfinished search or NetAdapt, from any folder; nothing else needs to be said.

    Example: nas resume runs/photos
    """
    from nas.cli.options.request import read_request
    from nas.cli.running.runs import run

    asked = read_request(folder)
    run(replace(asked.common, out=folder, fresh=False, as_json=as_json), asked.task)
