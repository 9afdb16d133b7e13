"""Where commands print: one document on stdout, progress and logs on stderr."""

import sys
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


def emit(document: object, as_json: bool, text: str) -> None:
    """Print the result: the JSON document for machines, the text for people."""
    out = msgspec.json.encode(document).decode() if as_json else text
    encoding = sys.stdout.encoding or "utf-8"
    known = out.encode(encoding, errors="replace").decode(encoding)  # in the C locale names may hold what it lacks
    sys.stdout.write(known.rstrip("\n") + "\n")
    sys.stdout.flush()


def log(message: str) -> None:
    """Tell what is going on, on stderr."""
    progress_console.print(message, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """A bar on stderr, as a `Progress`."""
    from rich.progress import Progress as Bar

    with Bar(console=progress_console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=max(total, done))

        yield show
