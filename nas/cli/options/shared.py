"""Options that are no field of any struct."""

from typing import Annotated

import typer

Resolutions = Annotated[
    str | None,
    typer.Option(
        "--resolution", help="Side of the input in pixels, default 224. Of several (160,192,224) one is chosen."
    ),
]
