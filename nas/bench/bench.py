"""`Bench`: where models are timed, this machine or a board that one can log in to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Protocol

from msgspec import Struct

from nas.bench.reference import REFERENCE, reference_graph
from nas.bench.turns import protocol
from nas.design.graph import Graph
from nas.device import models, session
from nas.device.clock import Clock, SystemClock
from nas.device.facts import Facts, facts
from nas.device.memory import return_memory
from nas.device.profile import Profile
from nas.device.turns import Visit
from nas.latency.conditions import Conditions
from nas.runtimes import Model, Runtime
from nas.runtimes.runtime import Array

# What the models of one session may hold on this machine.
LIMIT_BYTES = 2 << 30


class Item(Struct, frozen=True):
    """What is timed: a graph (weights None: random ones) or a model file's content; readings a visit, at least."""

    model: Graph | bytes
    readings: int
    weights: Mapping[str, Array] | None = None


class TimingSession(Protocol):
    """Models on one device, numbered in the order in which they came."""

    def add(self, items: Sequence[Item]) -> list[float]:
        """Load further models; the rough milliseconds of each."""
        ...

    def visits(self, order: Sequence[int]) -> Iterator[Visit]:
        """One round over the models in this order, the reference in between."""
        ...

    def profile(self, items: Sequence[Item], passes: int = 1) -> Iterator[Profile]:
        """The times of each model's nodes over its number of readings, all models once in each pass.

        Every model is encoded once; the models are not kept.
        """
        ...

    def now_s(self) -> float:
        """Seconds since some fixed moment."""
        ...


class Bench(Protocol):
    """A device and a runtime on it."""

    @property
    def runtime(self) -> Runtime:
        """What encodes the models; on this machine also what runs them."""
        ...

    @property
    def gap_ms(self) -> float:
        """The nap before each reading; 0 is back to back."""
        ...

    @property
    def limit_bytes(self) -> int:
        """How much memory the models of one session may hold."""
        ...

    @property
    def profiled(self) -> bool:
        """Whether the runtime tells how long each node of a network takes."""
        ...

    def conditions(self) -> Conditions:
        """What a table's must equal."""
        ...

    def facts(self) -> Facts:
        """What the device says of itself, now."""
        ...

    def library(self) -> str | None:
        """Stamp of the runtime's shared library."""
        ...

    def open(self, reference: str = REFERENCE) -> AbstractContextManager[TimingSession]:
        """A session with the reference network loaded."""
        ...


def content_of(item: Item, runtime: Runtime) -> bytes:
    """The model file of an item."""
    return item.model if isinstance(item.model, bytes) else runtime.encode(item.model, item.weights)


def conditions_of(device: str, version: str, runtime: Runtime, gap_ms: float) -> Conditions:
    """The conditions of a runtime on a device."""
    return Conditions(
        device=device,
        runtime=runtime.name,
        runtime_version=version,
        threads=runtime.threads,
        batch=runtime.batch,
        precision=runtime.precision,
        protocol=protocol(gap_ms),
    )


def own_thread(runtime: Runtime) -> bool:
    """Whether the caller's CPU time is the whole cost of a run."""
    return runtime.in_thread and runtime.threads == 1


class LocalBench:
    """This machine."""

    def __init__(
        self, runtime: Runtime, clock: Clock | None = None, gap_ms: float = 0.0, limit_bytes: int = LIMIT_BYTES
    ) -> None:
        """Tests pass a simulated clock."""
        self.runtime, self.gap_ms, self.limit_bytes = runtime, gap_ms, limit_bytes
        self.clock = clock or SystemClock(own_thread(runtime), gap_ms)

    @property
    def profiled(self) -> bool:
        """Whether the runtime is one that tells."""
        return self.runtime.name in models.PROFILED

    def conditions(self) -> Conditions:
        """Of this machine and the runtime in this process."""
        return conditions_of(facts().device, self.runtime.version, self.runtime, self.gap_ms)

    def facts(self) -> Facts:
        """Of this machine."""
        return facts()

    def library(self) -> str | None:
        """Stamp of the file that runs the models here; None where it is no model runtime (torch)."""
        return models.versions(self.runtime.name)[1] if self.runtime.name in models.MODEL_RUNTIMES else None

    @contextmanager
    def open(self, reference: str = REFERENCE) -> Iterator[TimingSession]:
        """Models live in this process for as long as the session; their memory is then the system's again."""
        session = _LocalSession(self.runtime, self.clock, reference)
        try:
            yield session
        finally:
            session.close()
            return_memory()


class _LocalSession:
    def __init__(self, runtime: Runtime, clock: Clock, reference: str) -> None:
        self._runtime = runtime
        self._session = session.Session(runtime.compile(reference_graph(reference)).run, clock)

    def add(self, items: Sequence[Item]) -> list[float]:
        return [self._session.add(self._model(item).run, item.readings) for item in items]

    def visits(self, order: Sequence[int]) -> Iterator[Visit]:
        return self._session.visits(order)

    def profile(self, items: Sequence[Item], passes: int = 1) -> Iterator[Profile]:
        asked = []
        for item in items:
            asked.append(self._nodes(item))
            yield self._session.profile(asked[-1])
        for _ in range(passes - 1):
            yield from map(self._session.profile, asked)

    def now_s(self) -> float:
        return self._session.now_s()

    def close(self) -> None:
        """Forget all models, whoever still holds the session."""
        del self._session

    def _nodes(self, item: Item) -> Callable[[], list[tuple[str, float]]]:
        runtime = self._runtime
        return partial(models.node_times, runtime.name, content_of(item, runtime), runtime.threads, item.readings)

    def _model(self, item: Item) -> Model:
        if isinstance(item.model, bytes):
            return self._runtime.open(item.model)
        return self._runtime.compile(item.model, item.weights)
