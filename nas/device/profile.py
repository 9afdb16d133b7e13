"""Times of a network's nodes, as the runtime's own profiler tells them, beside the reference network's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from nas.device.turns import Visit

# Runs before those that count.
WARM_RUNS = 5
# The part of a node's time that is not taken for the profiler's.
_LEAST = 0.2


def time_plain(run: Callable[[], object], runs: int, alone: bool) -> float:
    """Median milliseconds of a run without the profiler: CPU time if the caller works `alone`, else wall time."""
    now = time.thread_time if alone else time.perf_counter
    found = []
    for _ in range(WARM_RUNS + runs):
        began = now()
        run()
        found.append(1000 * (now() - began))
    return statistics.median(found[WARM_RUNS:])


class Profile(NamedTuple):
    """(name, milliseconds) of every node in order of execution, and the reference visited before and after."""

    nodes: list[tuple[str, float]]
    reference: tuple[Visit, Visit]


def settle_nodes(times: dict[str, list[float]], plain_ms: float) -> list[tuple[str, float]]:
    """(name, milliseconds) of every node: the median of its runs, less what the profiler itself takes.

    A profiler spends about as long on a small node as on a large one, so that a network of many small nodes seems up to
    a fifth slower than it is. Each node gives up the same time, so that all add up to a run without profiler,
    `plain_ms`; a node keeps a part of its own time at least.
    """
    found = {name: statistics.median(runs) for name, runs in times.items()}
    if not found:
        return []
    each = (sum(found.values()) - plain_ms) / len(found)
    net = {name: max(ms - each, _LEAST * ms) for name, ms in found.items()}
    share = plain_ms / sum(net.values())
    return [(name, ms * share) for name, ms in net.items()]
