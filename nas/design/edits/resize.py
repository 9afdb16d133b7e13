"""`Resize`: an edit that changes the resolution alone, and the resolutions that are tried."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from nas.design.size import Size, scale_size, shorter_side

LEAST_RESOLUTION = 32  # pixels: a network that halves its maps five times sees one place there
_STEP = 8  # pixels between resolutions that are tried


class Resize(Struct, frozen=True, tag=True):
    """Ship the network at another resolution. No weight changes, only the statistics of the norms."""

    resolution: Size

    @property
    def name(self) -> str:
        """What is changed, unique in its architecture."""
        return "resolution"


def least_resolution(resolution: Size) -> Size:
    """The smallest resolution of this aspect that is tried; itself if it is smaller."""
    return (
        scale_size(resolution, LEAST_RESOLUTION, _STEP) if shorter_side(resolution) > LEAST_RESOLUTION else resolution
    )


def resolutions_below(resolution: Size) -> tuple[Size, ...]:
    """Smaller resolutions in multiples of 8 pixels, the largest first, down to a shorter side of 32.

    The shorter side takes every multiple, the longer one the nearest that keeps the aspect.

    >>> resolutions_below((56, 96))
    ((48, 80), (40, 72), (32, 56))
    """
    sides = range((shorter_side(resolution) - 1) // _STEP * _STEP, LEAST_RESOLUTION - 1, -_STEP)
    return tuple(scale_size(resolution, side, _STEP) for side in sides)


def find_largest(sides: Sequence[Size], guess: float, fits: Callable[[Size], bool]) -> Size | None:
    """The largest of falling resolutions that fits, looked for from a guess of its shorter side; None if none does.

    From there one goes down until one fits, or up until one does not: few are asked for.

    >>> find_largest((64, 56, 48, 40, 32), 50.0, lambda side: side <= 56)
    56
    """
    place = next((n for n, side in enumerate(sides) if shorter_side(side) <= guess), len(sides) - 1)
    found: dict[int, bool] = {}
    while 0 <= place < len(sides) and place not in found:
        found[place] = fits(sides[place])
        place += -1 if found[place] else 1
    largest = min((n for n, fitting in found.items() if fitting), default=None)
    return None if largest is None else sides[largest]
