"""Times of a network's nodes, as the runtime's own profiler tells them, beside the reference network's."""

from __future__ import annotations

from typing import NamedTuple

from nas.device.turns import Visit

# Runs before those that count.
WARM = 5


class Profile(NamedTuple):
    """(name, milliseconds) of every node in order of execution, and the reference visited before and after."""

    nodes: list[tuple[str, float]]
    reference: tuple[Visit, Visit]


def low(times: list[float]) -> float:
    """The lower quartile: of a node's runs, those that little disturbed."""
    ordered = sorted(times)
    return ordered[len(ordered) // 4]
