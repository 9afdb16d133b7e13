"""The side of the input, as people write it: one, or several of which one is chosen."""

from nas.design.space import SearchSpace
from nas.errors import NasError

AUTO = "auto"
_LEAST, _MOST = 32, 2048


def resolved(space: SearchSpace, text: str | None, default: int = 224) -> tuple[SearchSpace, int]:
    """The space with the resolutions asked for, and the largest; one alone is no choice and the space leaves it open.

    Without any asked for they are the space's own, else `default`.
    """
    sides = space.sides(default) if text is None else parse_resolutions(text)
    return space.at(*sides) if len(sides) > 1 else space.at(), sides[-1]


def resolved_or_auto(space: SearchSpace, text: str | None) -> tuple[SearchSpace, int | None]:
    """The same where the default is to choose by the data and the target: None, and the space leaves it open."""
    if text == AUTO or (text is None and not space.resolutions):
        return space.at(), None
    return resolved(space, text)


def parse_resolution(text: str | None, own: int) -> int | None:
    """One side in pixels, `own` being that of the network at hand; None for `auto`, the default."""
    if text in (None, AUTO):
        return None
    assert text is not None
    sides = parse_resolutions(text)
    if len(sides) > 1:
        raise NasError(
            f"--resolution {text!r}: NetAdapt starts from one network, so from one resolution. Give one, or leave it "
            f"out: then it follows from the data and the target (the network's own is {own})."
        )
    return sides[0]


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
