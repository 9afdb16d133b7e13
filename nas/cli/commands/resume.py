"""`nas resume`: an unfinished run goes on as it was begun."""

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.text.output import Json


def resume(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Go on with an unfinished search or NetAdapt, from any folder; nothing else needs to be said.

    Example: nas resume runs/photos
    """
    from nas.api import runs
    from nas.cli.text.run_text import show_run, terminal

    show_run(runs.resume(folder, terminal()), as_json)
