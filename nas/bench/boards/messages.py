"""What a runner on a board is told and what it answers; `nas.device.runner` is the other end."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from nas.device.clock import Tick
from nas.device.facts import Facts
from nas.device.turns import Visit

# Whatever the other end sends, no time is negative; NaN is no JSON.
_Ms = Annotated[float, Meta(ge=0)]


class Question(Struct, frozen=True):
    """What the runner is to time with."""

    runtime: str
    threads: int
    precision: str
    own_thread: bool
    gap_ms: float


class ModelMessage(Struct, frozen=True):
    """A model file: the SHA-256 that is its name, readings a visit, its bytes, and those it has compressed."""

    digest: str
    readings: int
    size: int
    packed: int


class Hello(Struct, frozen=True, tag="hello"):
    """The board and what is on it: the runtime, and models that an earlier runner of the session was sent."""

    facts: Facts
    version: str
    library: str
    python: str
    free_bytes: int
    models: list[str]


class Rough(Struct, frozen=True, tag="rough"):
    """A model was loaded."""

    ms: _Ms


Ticks = Annotated[list[tuple[_Ms, _Ms, bool]], Meta(min_length=1)]


class Visited(Struct, frozen=True, tag="visit"):
    """A visit was made."""

    number: int
    ticks: Ticks


class Profiled(Struct, frozen=True, tag="profile"):
    """A model was profiled: its nodes, and the reference before and after."""

    nodes: list[tuple[str, _Ms]]
    reference: tuple[tuple[int, Ticks], tuple[int, Ticks]]


class DoneMessage(Struct, frozen=True, tag="done"):
    """That was the last answer to a request."""


class Failed(Struct, frozen=True, tag="error"):
    """The request cannot be met; instead of `DoneMessage`."""

    kind: str
    text: str


Answer = Hello | Rough | Visited | Profiled | DoneMessage | Failed
DECODER = msgspec.json.Decoder[Answer](Answer)


def visit_of(number: int, ticks: Sequence[tuple[float, float, bool]]) -> Visit:
    """A visit as the rest of the program has it."""
    return Visit(number, tuple(Tick(*tick) for tick in ticks))
