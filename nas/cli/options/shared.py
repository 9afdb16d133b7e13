"""Options that are no field of any struct."""

from typing import Annotated

import typer

Resolutions = Annotated[
    str | None,
    typer.Option(
        "--resolution",
        help="Input in pixels, default 224, or height x width like 192x320. Of several (160,192,224) one is chosen.",
    ),
]
