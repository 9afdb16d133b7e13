"""Where commands print: one document on stdout, progress and logs on stderr."""

import sys
from typing import Annotated

import msgspec
import typer
from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]

progress_console = Console(stderr=True)


def emit(document: object, as_json: bool, text: str) -> None:
    """Print the result: the JSON document for machines, the text for people."""
    out = msgspec.json.encode(document).decode() if as_json else text
    sys.stdout.write(out.rstrip("\n") + "\n")
    sys.stdout.flush()


def log(message: str) -> None:
    """Tell what is going on, on stderr."""
    progress_console.print(message, highlight=False, markup=False, soft_wrap=True)
