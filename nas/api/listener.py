"""Who is told what is going on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from msgspec import Struct

from nas.bench.rounds import Progress, silent
from nas.interfaces import Say, say_nothing


@contextmanager
def show_nothing() -> Iterator[Progress]:
    """The bar of whoever does not want to see one."""
    yield silent


class Listener(Struct, frozen=True):
    """`say` is told sentences; `bar` opens a progress bar, which is told what is done of how much."""

    say: Say = say_nothing
    bar: Callable[[], AbstractContextManager[Progress]] = show_nothing
