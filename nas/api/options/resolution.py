"""The size of the input, as people write it: one, or several of which one is chosen."""

import math
import re
from collections.abc import Iterable, Sequence

from nas.design.architecture import MOST_SIDE
from nas.design.edits.resize import LEAST_RESOLUTION
from nas.design.size import Size, by_area, describe_size, height_width, make_size, parse_size, scale_size, shorter_side
from nas.design.space import SearchSpace
from nas.errors import NasError

AUTO = "auto"
_ALIKE = math.log(1.1)  # aspects that multiples of 8 or 32 pixels may have for one


def resolved(space: SearchSpace, text: str | None, default: Size = 224) -> tuple[SearchSpace, Size]:
    """The space with the resolutions asked for, and the largest; one alone is no choice and the space leaves it open.

    Without any asked for they are the space's own, else `default`.
    """
    sides = space.sides(default) if text is None else parse_resolutions(text)
    return space.at(*sides) if len(sides) > 1 else space.at(), sides[-1]


def resolved_or_auto(space: SearchSpace, text: str | None) -> tuple[SearchSpace, Size | None]:
    """The same where the default is to choose by the data and the target: None, and the space leaves it open."""
    if text == AUTO or (text is None and not space.resolutions):
        return space.at(), None
    return resolved(space, text)


def parse_resolution(text: str | None, own: Size) -> Size | None:
    """One size in pixels, `own` being that of the network at hand; None for `auto`, the default."""
    if text in (None, AUTO):
        return None
    assert text is not None
    sides = parse_resolutions(text)
    if len(sides) > 1:
        raise NasError(
            f"--resolution {text!r}: NetAdapt starts from one network, so from one resolution. Give one, or leave it "
            f"out: then it follows from the data and the target (the network's own is {describe_size(own)})."
        )
    return sides[0]


def parse_resolutions(text: str) -> tuple[Size, ...]:
    """The sizes in pixels, rising; raises NasError where one is none."""
    return tuple(sorted({parse_one(part, text) for part in text.split(",")}, key=by_area))


def parse_one(part: str, text: str | None = None, least: int = LEAST_RESOLUTION) -> Size:
    """One size in pixels, of an option's whole `text`; raises NasError where it is none, with the nearest that is."""
    size = parse_size(part)
    if size is None or not all(least <= side <= MOST_SIDE for side in height_width(size)):
        raise NasError(
            f"--resolution {text or part!r}: {part.strip()!r} is no size in pixels.{_suggest(part, least)} Give the "
            f"side of a square from {least} to {MOST_SIDE}, like 224, or height x width, like 192x320; several like "
            "160,192,224."
        )
    return size


def _suggest(part: str, least: int) -> str:
    """A sentence with the nearest size that is one, if there are numbers to guess it from."""
    numbers = [min(max(int(number[:9]), least), MOST_SIDE) for number in re.findall("[0-9]+", part)[:2]]
    return f" The nearest is {describe_size(make_size(numbers[0], numbers[-1]))}." if numbers else ""


def told_sides(sides: Iterable[Size]) -> str:
    """The sizes as a message tells them, like `160, 192, 224`."""
    return ", ".join(map(describe_size, sides))


def require_one_aspect(sizes: Sequence[Size]) -> None:
    """Raise NasError where the sizes of a run have different aspects: it cuts its images to one."""
    first = sizes[-1]
    for size in sizes:
        if abs(math.log(_aspect(size) / _aspect(first))) > _ALIKE:
            alike = describe_size(scale_size(first, max(LEAST_RESOLUTION, shorter_side(size)), step=8))
            raise NasError(
                f"Resolutions {told_sides(sizes)} have different aspects, but a run cuts all images to one. Take "
                f"{alike} instead of {describe_size(size)}, or a run for each."
            )


def _aspect(size: Size) -> float:
    height, width = height_width(size)
    return width / height
