"""A simulated device: known times of ops, fusion discount, drift and pre-emption, on a clock of its own."""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nas.bench.bench import Item, LocalBench, TimingSession
from nas.bench.reference import REFERENCE
from nas.design.cost import op_macs
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.op import Op, SqueezeExcite
from nas.device.clock import Runnable, Tick
from nas.device.facts import Facts
from nas.device.profile import Profile
from nas.device.turns import Visit
from nas.runtimes.runtime import Array, Ranges

CALL_MS = 0.01


def alone_ms(op: Op) -> float:
    """What an op takes when it is timed alone."""
    base = 0.004 + op_macs(op) * 2e-7
    return base * (1.5 if isinstance(op, SqueezeExcite) else 1.0)


class Device:
    """Time passes only while models run. Inside a network every op costs `discount` of what it costs alone.

    `ageing` slows whole networks at 96 px down and nothing else, the reference least of all.
    """

    def __init__(
        self,
        discount: float = 0.8,
        drift: float = 0.0,
        jitter: float = 0.0,
        preempted: float = 0.0,
        distort: Callable[[Graph], float] = lambda _: 1.0,
    ) -> None:
        self.wall_ms = self.cpu_ms = 0.0
        self.switches = self.compiled = 0
        self.discount, self.drift, self.jitter, self.preempted = discount, drift, jitter, preempted
        self.distort = distort
        self.ageing: Callable[[], float] = lambda: 1.0
        self.rng = random.Random(0)

    def speed(self) -> float:
        """Slow drift: a sine over two simulated seconds."""
        if not self.drift:
            return 1.0
        return 1 + self.drift * math.sin(self.wall_ms / 2000 * 2 * math.pi)

    def true_ms(self, graph: Graph) -> float:
        """What one run of a graph takes on the undisturbed device."""
        ms = sum(alone_ms(node.op) for node in graph.nodes)
        if len(graph.nodes) > 12:  # longer than any chain that a build times beside networks
            ms *= self.discount * self.distort(graph)
        return ms + CALL_MS

    def spend(self, ms: float) -> None:
        taken = ms * self.speed()
        if self.jitter:
            taken *= 1 + self.jitter * abs(self.rng.gauss(0, 1))
        self.cpu_ms += taken
        self.wall_ms += taken
        if self.preempted and self.rng.random() < self.preempted:
            self.wall_ms += 5.0
            self.switches += 1


class SimulatedClock:
    """The `Clock` of a device."""

    def __init__(self, device: Device) -> None:
        self.device = device

    def time(self, run: Runnable, count: int) -> Tick:
        device = self.device
        wall, cpu, switches = device.wall_ms, device.cpu_ms, device.switches
        for _ in range(count):
            run()
        spent = (device.wall_ms - wall) / count, (device.cpu_ms - cpu) / count
        return Tick(*spent, disturbed=device.switches > switches)

    def now_s(self) -> float:
        return self.device.wall_ms / 1000


class SimulatedModel:
    """A graph on the device."""

    def __init__(self, device: Device, graph: Graph) -> None:
        self.device, self.ms = device, device.true_ms(graph)
        self._ages = graph.inputs[0].size == 96 and len(graph.nodes) > 12

    def __call__(self, *arrays: Array) -> Array:
        return arrays[0]

    def outputs(self, *arrays: Array) -> tuple[Array, ...]:
        return (self(*arrays),)

    def run(self) -> None:
        self.device.spend(self.ms * self.device.ageing() if self._ages else self.ms)


class SimulatedRuntime:
    """The `Runtime` of the device."""

    name, version, threads, batch, precision = "simulated", "1.0", 1, 1, "float32"
    in_thread, suffix = True, ".simulated"

    def __init__(self, device: Device) -> None:
        self.device = device

    def encode(self, graph: Graph, weights: Mapping[str, Array] | None = None, ranges: Ranges | None = None) -> bytes:
        raise NotImplementedError

    def open(self, content: bytes) -> SimulatedModel:
        raise NotImplementedError

    def load(self, path: Path) -> SimulatedModel:
        raise NotImplementedError

    def compile(
        self, graph: Graph, weights: Mapping[str, Array] | None = None, ranges: Ranges | None = None
    ) -> SimulatedModel:
        self.device.compiled += 1
        return SimulatedModel(self.device, graph)


def bench_of(device: Device) -> "SimulatedBench":
    """A bench on the device's own clock."""
    return SimulatedBench(SimulatedRuntime(device), SimulatedClock(device))


class SimulatedBench(LocalBench):
    """What else this machine does beside the tests has nothing to do with the device."""

    beside = 0.0  # cores that others keep busy

    def facts(self) -> Facts:
        assert isinstance(self.clock, SimulatedClock)
        return super().facts()._replace(busy_s=(1 + self.beside) * self.clock.now_s())


class ProfiledBench(SimulatedBench):
    """A bench whose runtime tells how long each node takes inside a network, layout changes among them."""

    profiled = True

    def __init__(self, device: Device) -> None:
        super().__init__(SimulatedRuntime(device), SimulatedClock(device))
        self.device = device
        self.asked: list[Graph] = []

    @contextmanager
    def open(self, reference: str = REFERENCE) -> Iterator[TimingSession]:
        with super().open(reference) as session:
            yield _Profiled(session, self)


class _Profiled:
    def __init__(self, inner: TimingSession, bench: ProfiledBench) -> None:
        self._inner, self._bench = inner, bench
        self.add, self.visits, self.now_s = inner.add, inner.visits, inner.now_s

    def profile(self, items: Sequence[Item], passes: int = 1) -> Iterator[Profile]:
        return (self._one(item) for _ in range(passes) for item in items)

    def _one(self, item: Item) -> Profile:
        graph, device = item.model, self._bench.device
        assert isinstance(graph, Graph)
        self._bench.asked.append(graph)
        reference = device.true_ms(lower(known(REFERENCE))) * device.speed()
        around = Visit(-1, (Tick(reference, reference, False),))
        nodes = []
        for node in graph.nodes:
            ms = (
                device.discount * alone_ms(node.op) * device.speed() * (1 + device.jitter * abs(device.rng.gauss(0, 1)))
            )
            # A tenth of every op is a layout change before it, which has no name of the graph.
            nodes += [("Reorder_token_1", 0.1 * ms), (f"{node.name}.conv_nchwc", 0.9 * ms)]
        device.spend(sum(ms for _, ms in nodes))
        return Profile(nodes, (around, around))
