"""Threads that decode: Pillow lets go of the interpreter while it decodes and resizes."""

import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

_MOST = 16  # beyond, Python's share of the work, about a tenth of a millisecond an image, leaves little to gain
_AHEAD = 4  # results of each core that are computed before they are taken
_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def decoders() -> ThreadPoolExecutor:
    """Return the threads of this process, made when they are first needed, also after a fork."""
    with _lock:
        if os.getpid() not in _pools:
            warnings.filterwarnings("ignore", module=r"PIL\b")  # what decoders say of odd files; see `picture`
            _pools.clear()
            _pools[os.getpid()] = ThreadPoolExecutor(min(_MOST, cores()), thread_name_prefix="nas-decode")
        return _pools[os.getpid()]


def map_ahead(function: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """Iterate over the results of a function in order; only a few are computed ahead."""
    waiting: deque[Future[_R]] = deque()
    try:
        for item in items:
            waiting.append(decoders().submit(function, item))
            if len(waiting) > _AHEAD * cores():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
