"""What is left to do when a result is complete, and how it is read again."""

from pathlib import Path

from nas.algorithms.block_search.pareto import Front
from nas.algorithms.pipeline.records import Result, Summary
from nas.algorithms.pipeline.run_folder import read_settings
from nas.design.files import decode
from nas.errors import InvalidRun
from nas.interfaces import Say

AnyResult = Result | Summary | Front


def load_result(folder: Path) -> AnyResult | None:
    """What the run in a folder ended with; None where it has not ended. Raises InvalidRun where that is damaged."""
    settings = read_settings(folder)
    if settings is None:
        raise InvalidRun(f"{folder}: holds no run. Name the folder that `nas search` or `nas netadapt` wrote.")
    path = folder / ("front.json" if settings.pareto else "result.json")
    if not path.exists():
        return None
    kind: type[AnyResult] = Front if settings.pareto else Summary if settings.targets_ms else Result
    return decode(path.read_bytes(), kind, str(path), InvalidRun)


def report_result(folder: Path, say: Say) -> None:
    """Write the report of a result that is complete; if that fails, say so and leave the result as it is."""
    from nas.report.pages.page import write_report

    try:
        write_report(folder)
    except Exception as error:  # noqa: BLE001 - whatever a page dies of, hours of work must not end with it
        say(
            f"The result in {folder} is complete, but its report could not be written ({_describe(error)}). "
            f"'nas report {folder}' writes it later."
        )


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
