"""Latency tables of spaces whose networks have heads: built, validated, recognised, extended, on a simulated device."""

import random

import pytest
from msgspec.structs import replace

from nas.bench.pricer import Pricer
from nas.bench.tables.anchors import OUTSIDE, PUBLISHED, own_anchors
from nas.bench.tables.build import build_table
from nas.bench.tables.check import check_table
from nas.bench.tables.held_out import QUICK
from nas.bench.tables.hosts import hosts, keys_of
from nas.bench.tables.recognise import recognise
from nas.design.dense.head import DenseHead
from nas.design.edits.edit import Narrow, apply, cuts, edited, end_cuts, width_of
from nas.design.edits.tail import ReduceTail
from nas.design.graph import lower
from nas.design.known import known
from nas.design.space import SearchSpace, with_dense
from nas.latency.fingerprint import ENDS
from nas.latency.glance import Same
from nas.latency.prediction.estimate import price
from nas.latency.table import LatencyTable
from nas.latency.table_file.combine import subset
from tests.bench.conftest import SPACE
from tests.bench.device import Device, ProfiledBench, bench_of

KINDS = ("ssdlite", "lraspp")
_BUILT: dict[str, LatencyTable] = {}


def space_of(kind: str) -> SearchSpace:
    """Of the tiny space few stages have a choice."""
    stages = tuple(replace(stage, kernel=(3,), se=(False,), activation=("relu",)) for stage in SPACE.stages)
    return with_dense(replace(SPACE, stages=stages), kind)


def table_of(kind: str) -> LatencyTable:
    """Of a device without noise; built once."""
    if kind not in _BUILT:
        device = bench_of(Device())
        _BUILT[kind] = build_table(space_of(kind), device, None, resolution=96, budget_s=10, held_out=QUICK)
    return _BUILT[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_prices_any_network_of_a_space_with_a_head_at_its_true_time(kind: str) -> None:
    table, space, rng, device = table_of(kind), space_of(kind), random.Random(5), Device()
    for _ in range(20):
        arch = space.sample(rng, 96)
        assert isinstance(arch.dense, DenseHead)
        assert price(lower(arch), table).ms == pytest.approx(device.true_ms(lower(arch)), rel=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_validated_on_networks_with_heads_published_ones_among_them(kind: str) -> None:
    header, device = table_of(kind).header, Device()
    assert header.space == f"{kind}_tiny"
    assert (header.validation.count, header.validation.mape < 2e-3) == (QUICK, True)
    assert [anchor.key for anchor in header.anchors] == [*ENDS, *(f"{kind}_{name}-1-96" for name in PUBLISHED)]
    assert header.outside is not None
    assert header.outside_names == tuple(f"{kind}_{name}-96" for name in OUTSIDE)
    for name, pair in zip(header.outside_names, header.outside.pairs, strict=True):
        assert pair.measured_ms == pytest.approx(device.true_ms(lower(known(name))))
        assert pair.predicted_ms == pytest.approx(pair.measured_ms, rel=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_of_networks_with_heads_is_recognised_and_checked(kind: str) -> None:
    table, space = table_of(kind), space_of(kind)
    assert recognise(table, space, bench_of(Device())) == Same()
    others = own_anchors(table.header, SPACE)  # of another space: published networks with heads
    assert list(others) == [anchor.key for anchor in table.header.anchors if anchor.key not in ENDS]
    assert {graph.task for graph in others.values()} == {space.task}
    assert check_table(table, space, bench_of(Device()), count=5).mape < 2e-3
    assert subset(table, replace(space, name="part"), 96).timings.keys() <= table.timings.keys()


def test_a_table_of_a_shipped_space_with_a_head_makes_its_ends_again() -> None:
    space = with_dense(SPACE, "ssdlite")
    header = replace(table_of("ssdlite").header, space="ssdlite_mobilenet_v3_small")
    assert list(own_anchors(header, space)) == [anchor.key for anchor in header.anchors]


@pytest.mark.parametrize("kind", KINDS)
def test_cuts_of_heads_and_other_classes_are_measured_on_demand(kind: str) -> None:
    device = Device()
    pricer = Pricer(table_of(kind), bench_of(device))
    arch = replace(space_of(kind).largest(96), classes=7)
    children = [edited(arch, Narrow(cut, width_of(arch, cut) // 2)) for cut in end_cuts(arch)]
    children.append(edited(arch, ReduceTail()))
    pricer.ensure([arch, *children])
    measured = pricer.measured
    assert measured > 0
    for one in (arch, *children):
        assert pricer(one).ms == pytest.approx(device.true_ms(lower(one)), rel=2e-3)
    assert pricer.measured == measured


@pytest.mark.parametrize("kind", KINDS)
def test_entries_of_networks_with_heads_are_seen_inside_few_networks(kind: str) -> None:
    """By a runtime that tells the time of every node."""
    space = space_of(kind)
    table = build_table(space, ProfiledBench(Device()), None, resolution=96, budget_s=10, held_out=QUICK)
    assert {timing.source for timing in table.timings.values()} == {"network"}
    assert table.header.validation.mape < 0.02
    arch = space.largest(96)
    offered = [apply(arch, cut, width_of(arch, cut) // 2) for cut in (*cuts(arch), *end_cuts(arch))]
    offered.append(replace(arch, classes=7))
    wanted = frozenset().union(*map(keys_of, offered)) - keys_of(arch)
    chosen = hosts(wanted, offered)
    assert wanted <= frozenset().union(*map(keys_of, chosen))
    assert len(chosen) <= len(offered) / 2
    assert {one.task for one in chosen} == {arch.task}
