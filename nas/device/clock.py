"""One timed run: wall time, CPU time of this thread, and whether it was disturbed."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

Runnable = Callable[[], None]


class Tick(NamedTuple):
    """Milliseconds a run, and whether the scheduler took the thread off its core meanwhile."""

    wall_ms: float
    cpu_ms: float
    disturbed: bool


class Clock(Protocol):
    """Times runs; tests pass a simulated one."""

    def time(self, run: Runnable, count: int) -> Tick:
        """Calls `run` count times and gives the mean of one call."""
        ...

    def now_s(self) -> float:
        """Seconds since some fixed moment."""
        ...


class SystemClock:
    """The real clock.

    CPU time is of the calling thread: where other threads do the work (`in_thread` False) it says nothing, and both
    times are wall time. With `gap_ms` the caller naps that long before each reading, as an application that waits for
    its camera does; caches and clock frequency then differ from back-to-back runs, so the gap is a condition.
    """

    def __init__(self, in_thread: bool = True, gap_ms: float = 0.0) -> None:
        """Whose CPU time and context switches count, and the nap before a reading."""
        self._in_thread, self._gap_ms = in_thread, gap_ms
        self._who = resource.RUSAGE_THREAD if in_thread else resource.RUSAGE_SELF

    def time(self, run: Runnable, count: int) -> Tick:
        """Calls `run` count times and gives the mean of one call."""
        if self._gap_ms:
            time.sleep(self._gap_ms / 1000)
        switches = resource.getrusage(self._who).ru_nivcsw
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        for _ in range(count):
            run()
        cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
        disturbed = resource.getrusage(self._who).ru_nivcsw > switches
        return Tick(wall / count / 1e6, (cpu if self._in_thread else wall) / count / 1e6, disturbed)

    def now_s(self) -> float:
        """Seconds since some fixed moment."""
        return time.perf_counter()


@contextmanager
def quiet(generation: int = 2) -> Iterator[None]:
    """Keeps the garbage collector out of the timings, after it collected objects of up to this generation."""
    was_on = gc.isenabled()
    gc.collect(generation)
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
