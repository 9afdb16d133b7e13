"""`nas report`: a run folder as a page."""

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.text.output import Json, emit, log


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


def report_result(folder: Path) -> None:
    """Write the report of a result that is complete; if that fails, say so and leave the result as it is."""
    from nas.report.pages.page import write_report

    try:
        write_report(folder)
    except Exception as error:  # noqa: BLE001 - whatever a page dies of, hours of work must not end with it
        log(
            f"The result in {folder} is complete, but its report could not be written ({_describe(error)}). "
            f"'nas report {folder}' writes it later."
        )


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
