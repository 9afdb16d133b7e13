"""Rules of thumb of published papers, measured again in the runtime at hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas.api.listener import Listener
from nas.api.options.keywords import read_options, takes_options
from nas.api.options.python_names import say_in_python
from nas.api.options.setup import Setup, open_bench
from nas.api.options.structs import GuidelineOptions
from nas.api.threads import one_thread
from nas.bench.guidelines import measure_guidelines
from nas.design.files import require_writable, write_bytes, write_json
from nas.design.guidelines.catalogue import make_guidelines
from nas.errors import NasError
from nas.interfaces import Say, say_nothing
from nas.latency.guideline_result import GuidelinesReport


@takes_options(Setup)
def guidelines(
    only: str | Sequence[str] = (), out: str | Path | None = None, *, log: Say = say_nothing, **options: Any
) -> GuidelinesReport:
    """Which rules of thumb for fast networks hold on this device, in this runtime.

    They are the four guidelines of ShuffleNetV2 and MobileNetV3's edits. The networks of a rule are timed in turns with
    each other and with a reference network. Each is compared with the first, with the interval over rounds, beside
    what the paper measured.

    Args:
        only: names of guidelines; all if none is given.
        out: a folder for guidelines.json and guidelines.html.
        log: is told what is going on.
        options: runtime, precision, threads, batch, device, gap_ms, as `nas guidelines` takes them.

    Returns:
        For each guideline its networks with their times, ratios and the paper's figures, and whether it holds here.

    Raises:
        NasError: where a guideline has another name, or the device or its runtime is not to be had.
    """
    names = (only,) if isinstance(only, str) else only
    asked = read_options(GuidelineOptions, {**options, "only": names, "out": out})
    with one_thread():
        return find_guidelines(asked, Listener(say=say_in_python(log)))


def find_guidelines(options: GuidelineOptions, listener: Listener) -> GuidelinesReport:
    """Measure the guidelines asked for, and write the result into a folder if one is given."""
    chosen = make_guidelines(options.only)
    if options.out is not None:
        _make_folder(options.out)
    bench = open_bench(options, listener.say)
    count, names = sum(len(one.variants) for one in chosen), ", ".join(one.name for one in chosen)
    listener.say(f"Measuring {count} networks in turns, for {names}.")
    with listener.bar() as progress:
        report = measure_guidelines(chosen, bench, progress=progress)
    if options.out is not None:
        write_report_of(report, options.out)
    return report


def write_report_of(report: GuidelinesReport, folder: Path) -> None:
    """Write guidelines.json and guidelines.html into a folder."""
    from nas.report.pages.guidelines_page import guidelines_page

    write_json(folder / "guidelines.json", report)
    write_bytes(folder / "guidelines.html", guidelines_page(report).encode())


def _make_folder(folder: Path) -> None:
    """Make the folder before anything is measured; raises NasError where nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NasError(f"--out {folder}: cannot be made a folder ({error.strerror}). Give another --out.") from error
    require_writable(folder / "guidelines.json")
