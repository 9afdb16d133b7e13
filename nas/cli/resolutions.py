"""The side of the input as an option: one, or several of which one is chosen."""

from typing import Annotated

import typer

from nas.design.space import SearchSpace
from nas.errors import NasError

Resolutions = Annotated[
    str | None,
    typer.Option(
        "--resolution", help="Side of the input in pixels, default 224. Of several (160,192,224) one is chosen."
    ),
]
_LEAST, _MOST = 32, 2048


def resolved(space: SearchSpace, text: str | None, default: int = 224) -> tuple[SearchSpace, int]:
    """The space with the resolutions asked for, and the largest; one alone is no choice and the space leaves it open.

    Without any asked for they are the space's own, else `default`.
    """
    sides = space.sides(default) if text is None else parse_resolutions(text)
    return space.at(*sides) if len(sides) > 1 else space.at(), sides[-1]


def parse_resolutions(text: str) -> tuple[int, ...]:
    """The sides in pixels, rising; raises NasError where one is none."""
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not (part.isdecimal() and _LEAST <= int(part) <= _MOST):
            raise NasError(
                f"--resolution {text!r}: {part!r} is no side in pixels. Give a whole number from {_LEAST} to {_MOST}, "
                "or several, like 160,192,224."
            )
    return tuple(sorted({int(part) for part in parts}))


def told_sides(sides: tuple[int, ...]) -> str:
    """The sides as a message tells them, like `160, 192, 224`."""
    return ", ".join(map(str, sides))
