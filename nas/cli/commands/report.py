"""`nas report`: a run folder as a page."""

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.text.output import Json, emit


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder of `nas search` or `nas netadapt`.")],
    as_json: Json = False,
) -> None:
    """Write report.html into a run folder, finished or not: one page that needs no network.

    Example: nas report runs/demo
    """
    from nas.report.pages.page import write_report

    path = write_report(run)
    emit({"report": str(path)}, as_json, str(path))
