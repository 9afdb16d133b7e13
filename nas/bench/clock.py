"""One timed run: wall time, CPU time of this thread, and whether it was disturbed."""

import gc
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from msgspec import Struct

Run = Callable[[], None]


class Tick(Struct, frozen=True):
    """Milliseconds a run, and whether the scheduler took the thread off its core meanwhile."""

    wall_ms: float
    cpu_ms: float
    disturbed: bool


class Clock(Protocol):
    """Times runs; tests pass a simulated one."""

    def time(self, run: Run, count: int) -> Tick:
        """Calls `run` count times and gives the mean of one call."""
        ...

    def now_s(self) -> float:
        """Seconds since some fixed moment."""
        ...


class SystemClock:
    """The real clock. CPU time is of the calling thread, so it counts single-thread runtimes only."""

    def time(self, run: Run, count: int) -> Tick:
        """Calls `run` count times and gives the mean of one call."""
        switches = resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        for _ in range(count):
            run()
        cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
        disturbed = resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw > switches
        return Tick(wall / count / 1e6, cpu / count / 1e6, disturbed)

    def now_s(self) -> float:
        """Seconds since some fixed moment."""
        return time.perf_counter()


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the garbage collector out of the timings."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
