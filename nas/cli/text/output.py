"""Where commands print: one document on stdout, progress and logs on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console

if TYPE_CHECKING:
    from nas.bench.rounds import Progress

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.", rich_help_panel="Output")]

progress_console = Console(stderr=True)
EVERY_S = 20.0  # between lines of progress where there is no terminal


def emit(document: object, as_json: bool, text: str) -> None:
    """Print the result: the JSON document for machines, the text for people."""
    out = msgspec.json.encode(document).decode() if as_json else text
    encoding = sys.stdout.encoding or "utf-8"
    known = out.encode(encoding, errors="replace").decode(encoding)  # in the C locale names may hold what it lacks
    sys.stdout.write(known.rstrip("\n") + "\n")
    sys.stdout.flush()


def be_quiet(quiet: bool) -> None:
    """Whether to keep silent about what is going on; errors and results are printed all the same."""
    progress_console.quiet = quiet


def log(message: str) -> None:
    """Tell what is going on, on stderr."""
    progress_console.print(message, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """A bar with the time that is left on a terminal, else a line now and then, as a `Progress`; on stderr."""
    if not progress_console.is_terminal:
        yield _SparseLines()
        return
    from rich.progress import Progress as Bar

    with Bar(console=progress_console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=max(total, done))

        yield show


class _SparseLines:
    """A `Progress` that logs how far the work is, every so many seconds at most."""

    def __init__(self) -> None:
        self._told_s = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self._told_s >= EVERY_S:
            self._told_s = time.monotonic()
            log(f"{what}: {done} of {max(done, total)}")


def complain(message: str) -> None:
    """Tell an error on stderr, however quiet the rest is."""
    progress_console.quiet = False
    log(message)
