import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.bench.batches import Timed, estimate_bytes, split, time_items
from nas.bench.bench import Item, TimingSession
from nas.bench.measure import measure
from nas.bench.reference import REFERENCE
from nas.bench.rounds import Schedule, ratios
from nas.bench.tables.build import build_table
from nas.design.graph import lower
from nas.design.known import known
from nas.latency.prediction.estimate import price
from nas.latency.table import LatencyTable
from tests.bench.conftest import SPACE
from tests.bench.device import Device, SimulatedBench, SimulatedClock, SimulatedRuntime, bench_of

MIB = 1 << 20
REFERENCE_BYTES = estimate_bytes(Item(lower(known(REFERENCE)), 1), SimulatedRuntime(Device()))


class Counting(SimulatedBench):
    """A bench of a small memory that keeps what its sessions held, in bytes, the reference among them."""

    def __init__(self, device: Device, limit_bytes: int) -> None:
        super().__init__(SimulatedRuntime(device), SimulatedClock(device))
        self.limit_bytes = limit_bytes
        self.held: list[int] = []

    @contextmanager
    def open(self, reference: str = REFERENCE) -> Iterator[TimingSession]:
        self.held.append(REFERENCE_BYTES)
        with super().open(reference) as session:
            yield _Counted(session, self)


class _Counted:
    def __init__(self, inner: TimingSession, bench: Counting) -> None:
        self._inner, self._bench = inner, bench
        self.visits, self.now_s, self.profile = inner.visits, inner.now_s, inner.profile

    def add(self, items: Sequence[Item]) -> list[float]:
        self._bench.held[-1] += sum(estimate_bytes(item, self._bench.runtime) for item in items)
        return self._inner.add(items)


def items(*widths: float) -> list[Item]:
    return [Item(lower(known(f"mobilenet_v3_small-{width:g}-96")), 8) for width in widths]


def taken(bench: SimulatedBench, anchors: Sequence[int] = (), first: int = 0) -> Timed:
    schedule = Schedule(least=3, most=3)
    return time_items(bench, items(0.5, 0.75, 1, 1.25, 1.5), schedule, random.Random(0), anchors=anchors, first=first)


def test_time_items_keeps_every_session_within_the_limit() -> None:
    bench = Counting(Device(), 130 * MIB)
    found = taken(bench, first=7)
    assert len(bench.held) > 1
    assert max(bench.held) <= 130 * MIB
    plenty = Counting(Device(), 1 << 30)
    expected = taken(plenty)
    assert len(plenty.held) == 1
    for number in range(5):
        assert ratios(found.rounds, 7 + number) == pytest.approx(ratios(expected.rounds, number))
        assert {turn.visit.number for one in found.rounds for n, turn in one.turns.items() if n == 7 + number} == {
            7 + number
        }


def test_time_items_visits_the_anchors_in_every_batch() -> None:
    bench = Counting(Device(), 130 * MIB)
    found = taken(bench, anchors=[0])
    assert len(ratios(found.rounds, 0)) == 3 * len(bench.held) > 3
    assert len(ratios(found.rounds, 4)) == 3


def test_time_items_shares_the_budget_among_the_batches() -> None:
    device = Device(jitter=0.5)
    bench = Counting(device, 130 * MIB)
    schedule = Schedule(least=3, most=1000, budget_s=4)
    found = time_items(bench, items(0.5, 0.75, 1, 1.25, 1.5), schedule, random.Random(0))
    assert len(bench.held) > 1
    assert found.seconds <= 4
    counts = [len(ratios(found.rounds, number)) for number in range(5)]
    assert min(counts) > 3
    assert max(counts) < 4 * min(counts)


def test_a_table_built_in_batches_is_the_same(quiet_table: LatencyTable) -> None:
    bench = Counting(Device(), 400 * MIB)
    found = build_table(SPACE, bench, None, resolution=96, budget_s=30)
    assert len(bench.held) > 3
    assert max(bench.held) <= 400 * MIB
    assert found.header.validation.count == quiet_table.header.validation.count
    assert found.header.validation.mape < 1e-3
    for arch in (SPACE.smallest(96), SPACE.largest(96)):
        assert price(lower(arch), found).ms == pytest.approx(price(lower(arch), quiet_table).ms, rel=1e-3)


def test_a_closed_session_holds_no_models() -> None:
    bench = bench_of(Device())
    with bench.open() as session:
        session.add(items(0.5))
    with pytest.raises(AttributeError):
        session.now_s()
    assert measure(lower(known("mobilenet_v3_small-0.5-96")), bench).runs > 0


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 200), st.integers(0, 3))
def test_split_has_every_item_once_and_the_anchors_everywhere_if_they_are_small(
    sizes: list[int], limit: int, anchors: int
) -> None:
    shared = list(range(min(anchors, len(sizes))))
    batches = split(sizes, limit, shared)
    everywhere = set(shared) if sum(sizes[place] for place in shared) <= limit / 4 else set()
    others = [place for batch in batches for place in batch if place not in everywhere]
    assert sorted(others) == [place for place in range(len(sizes)) if place not in everywhere]
    assert all(everywhere <= set(batch) for batch in batches)
    for batch in batches:
        own = [place for place in batch if place not in everywhere]
        assert sum(sizes[place] for place in batch) <= limit or len(own) == 1
    assert all(a < b for batch in batches for a, b in pairwise(batch))


def test_a_network_is_estimated_from_its_weights_and_its_largest_activation() -> None:
    graph = lower(known("mobilenet_v3_large"))
    runtime = SimulatedRuntime(Device())
    assert estimate_bytes(Item(graph, 1), runtime) == MIB + int(4 * (2.6 * 5_483_032 + 2 * 64 * 112**2))
    assert estimate_bytes(Item(b"x" * 100, 1), runtime) == MIB + 260
