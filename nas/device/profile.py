"""Times of a network's nodes, as the runtime's own profiler tells them, beside the reference network's."""

from __future__ import annotations

import time
from typing import NamedTuple

from nas.device.turns import Visit

# Runs before those that count.
WARM = 5


class CpuTimes:
    """CPU time of this thread, run by run."""

    def __init__(self, alone: bool) -> None:
        """`alone`: whether the calling thread does all the work; else nothing is noted."""
        self._alone = alone
        self.ms: list[float] = []
        self._began = 0.0

    def __enter__(self) -> None:
        """A run begins."""
        self._began = time.thread_time()

    def __exit__(self, *_: object) -> None:
        """A run ended."""
        if self._alone:
            self.ms.append((time.thread_time() - self._began) * 1000)


class Profile(NamedTuple):
    """(name, milliseconds) of every node in order of execution, and the reference visited before and after."""

    nodes: list[tuple[str, float]]
    reference: tuple[Visit, Visit]


def settled(times: dict[str, list[float]], cpu_ms: list[float]) -> list[tuple[str, float]]:
    """(name, milliseconds) of every node: the lower quartile of its runs, those that little disturbed.

    Profilers tell wall time. Where other programs take the core away so often that the nodes add up to more than the
    CPU time of a run (`cpu_ms`, empty where other threads do the work), all are brought down to that.
    """
    found = [(name, _low(runs)) for name, runs in times.items()]
    total = sum(ms for _, ms in found)
    share = min(1.0, _low(cpu_ms) / total) if cpu_ms and total else 1.0
    return [(name, ms * share) for name, ms in found]


def _low(values: list[float]) -> float:
    return sorted(values)[len(values) // 4]
