"""Which resolutions a run considers when none is asked for: they follow from the data and the target."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace

from nas.algorithms.budgets import Budget, within
from nas.design.architecture import Architecture
from nas.design.size import Size, scale_size
from nas.design.space import SearchSpace
from nas.interfaces import Deployer

USUAL = (32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256)
USUAL_STEP = 8  # of the longer side
Sides = tuple[int, int, int]
"""The 10 %, 50 % and 90 % quantiles of the shorter side of the training images, in pixels."""

_ROOM = 2.0  # a resolution is roomy if the smallest network there takes at most the target divided by this
_FAR = 4.0  # times the target: NetAdapt starts no farther from it, unless it is that far everywhere


def largest_useful(sides: Sides) -> int:
    """The largest usual resolution for images of these sides.

    Small images profit from being shown up to twice as large (`experiments/resolution`); larger ones bring what they
    have, up to the 256 px at which they are stored.
    """
    middle = sides[1]
    wanted = 2 * middle if middle <= 112 else max(224, middle)
    return max(side for side in USUAL if side <= max(64, wanted))


def candidates(sides: Sides, is_roomy: Callable[[int], bool]) -> tuple[int, ...]:
    """Three resolutions to choose from: the largest useful and roomy one, about 0.7 of it, and half of it.

    The images' own size is among them if it lies between.
    """
    useful = [side for side in USUAL if side <= largest_useful(sides)]
    top = next((side for side in reversed(useful) if is_roomy(side)), useful[0])
    own = min(USUAL, key=lambda side: _apart(side, sides[1]))
    found = {top, *(min(useful, key=lambda side: _apart(side, wanted)) for wanted in (top / math.sqrt(2), top / 2))}
    if min(found) < own < top and own not in found:
        nearest = min(found - {top}, key=lambda side: _apart(side, own))
        found = found - {nearest} | {own}
    return tuple(sorted(found))


def choose_for_space(
    space: SearchSpace,
    classes: int,
    sides: Sides,
    targets_ms: Sequence[float],
    ships: Deployer,
    budgets: Sequence[Budget] = (),
) -> tuple[int, ...]:
    """The resolutions that a search for these targets chooses from, rising.

    The smallest network of the space is measured at each that is useful; where it is not within the budgets, there is
    nothing to search.
    """

    def smallest(side: int) -> Architecture:
        return space.at().smallest(side, classes)

    def is_roomy(ms: float, side: int) -> bool:
        return _ROOM * times[side] <= ms and within(smallest(side), budgets)

    times = _useful_times(sides, smallest, ships)
    several = (candidates(sides, partial(is_roomy, ms)) for ms in targets_ms)
    found = {side for one in several for side in one}
    # Between the candidates for the highest and for the lowest target others would only make the table larger.
    return tuple(sorted(found)) if len(found) <= 4 else tuple(sorted(found)[:2] + sorted(found)[-2:])


def choose_start(source: Architecture, sides: Sides, targets_ms: Sequence[float], ships: Deployer) -> Size:
    """The resolution at which NetAdapt starts from a network, of the network's aspect; from there it may lower it.

    The largest useful one at which it takes at most four times the highest target.
    """
    times = _useful_times(sides, partial(_at, source), ships)
    near = [side for side, ms in times.items() if ms <= _FAR * max(targets_ms)]
    return _at(source, near[-1] if near else min(times)).resolution


def choose_for_start(
    source: Architecture, sides: Sides, targets_ms: Sequence[float], ships: Deployer
) -> tuple[Size, ...]:
    """The resolutions that a search from a pretrained network chooses from, rising: where NetAdapt would start, less.

    They have the network's aspect. Below a resolution at which the network is within the lowest target as it is there
    is nothing to choose.
    """
    times = _useful_times(sides, partial(_at, source), ships)
    found = candidates(sides, lambda side: times[side] <= _FAR * max(targets_ms))
    within = [side for side, ms in times.items() if ms <= min(targets_ms)]
    chosen = tuple(side for side in found if not within or side >= within[-1]) or found[-1:]
    return tuple(_at(source, side).resolution for side in chosen)


def _at(source: Architecture, side: int) -> Architecture:
    """A network with this shorter side of its input and its own aspect."""
    return replace(source, resolution=scale_size(source.resolution, side, USUAL_STEP))


def _useful_times(sides: Sides, network: Callable[[int], Architecture], ships: Deployer) -> dict[int, float]:
    """Measured milliseconds of a network at each useful resolution, rising."""
    useful = [side for side in USUAL if side <= largest_useful(sides)]
    measured = ships.measure([network(side) for side in useful])
    return dict(zip(useful, (one.settled_ms for one in measured), strict=True))


def _apart(side: float, wanted: float) -> float:
    return abs(math.log(side / wanted))
