import random
import statistics
from functools import partial
from pathlib import Path

import pytest

from nas.bench.bench import LocalBench
from nas.bench.tables.anchors import OUTSIDE, PUBLISHED
from nas.bench.tables.build import build_table, space_entries
from nas.bench.tables.cards import CALIBRATION
from nas.bench.tables.check import check_table
from nas.bench.tables.held_out import USUAL
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.errors import ConditionsDiffer
from nas.latency.prediction.calibrate import ALL
from nas.latency.prediction.entry import entries, parse_key
from nas.latency.prediction.estimate import missing, price
from nas.latency.table import LatencyTable, read_table
from nas.latency.trust import usable
from tests.bench.conftest import SPACE, built
from tests.bench.device import CALL_MS, Device, ProfiledBench, SimulatedRuntime, alone_ms, bench_of


def quirk(seed: int, graph: Graph) -> float:
    """The same for the same network in every process."""
    return random.Random(f"{seed} {graph.nodes!r}").gauss(1, 0.03)


def uneven(graph: Graph) -> float:
    """A device on which whole networks are anything but a sum of their ops."""
    return random.Random(repr(graph.nodes)).uniform(0.5, 2.0)


def test_on_a_quiet_device_every_number_is_the_true_one(quiet_table: LatencyTable) -> None:
    reference = quiet_table.header.reference
    device = Device()
    assert reference.nominal_ms == pytest.approx(device.true_ms(lower(known("mobilenet_v3_small"))))
    assert reference.call_ms == pytest.approx(CALL_MS)
    for key, timing in quiet_table.timings.items():
        assert timing.ms == pytest.approx(sum(alone_ms(op) for op in parse_key(key).ops))
        assert timing.p10_ms == pytest.approx(timing.ms)
        assert timing.p90_ms == pytest.approx(timing.ms)


def test_calibration_finds_the_discount_of_whole_networks(quiet_table: LatencyTable) -> None:
    header = quiet_table.header
    assert header.calibration.factors == pytest.approx({ALL: 0.8}, rel=1e-3)
    assert header.calibration.networks == CALIBRATION + 5
    assert header.validation.count == USUAL
    assert header.validation.mape < 1e-3
    assert header.validation.raw_mape == pytest.approx(0.25, rel=0.05)
    assert not header.contended


def test_published_networks_outside_the_space_are_graded_apart(quiet_table: LatencyTable) -> None:
    header = quiet_table.header
    assert header.outside_names == tuple(f"{name}-96" for name in OUTSIDE)
    assert {name.rpartition("-")[0] for name in OUTSIDE} >= set(PUBLISHED)
    assert header.outside is not None
    device, pairs = Device(), header.outside.pairs
    for name, pair in zip(header.outside_names, pairs, strict=True):
        assert pair.measured_ms == pytest.approx(device.true_ms(lower(known(name))))
        assert pair.predicted_ms == pytest.approx(price(lower(known(name)), quiet_table).ms)
    assert header.outside.mape < 2e-3


def test_a_device_that_treats_published_networks_otherwise_shows_it_in_their_line_alone() -> None:
    outside = {lower(known(f"{name}-96")) for name in OUTSIDE}
    header = built(Device(distort=lambda graph: 1.2 if graph in outside else 1.0)).header
    assert header.outside is not None
    assert header.outside.bias == pytest.approx(1 / 1.2 - 1, abs=0.01)
    assert header.validation.mape < 1e-3


def test_networks_are_priced_at_their_true_time(quiet_table: LatencyTable) -> None:
    rng, device = random.Random(5), Device()
    for _ in range(20):
        graph = lower(SPACE.sample(rng, 96))
        assert price(graph, quiet_table).ms == pytest.approx(device.true_ms(graph), rel=2e-3)


def test_the_table_holds_the_space_and_the_published_networks(quiet_table: LatencyTable) -> None:
    rng = random.Random(1)
    graphs = [lower(SPACE.sample(rng, 96)) for _ in range(200)] + [lower(known(f"{name}-1-96")) for name in PUBLISHED]
    assert all(missing(graph, quiet_table) == () for graph in graphs)
    assert {entry.key for entry in space_entries(SPACE, 96)} == set(quiet_table.timings)


def test_a_table_of_several_resolutions_prices_networks_of_each() -> None:
    rng, device, space = random.Random(5), Device(), SPACE.at(64, 96)
    table = build_table(space, bench_of(device), None, budget_s=5, resolution=96)
    assert (table.header.resolutions, table.header.resolution) == ((64, 96), 96)
    assert table.header.validation.count == USUAL
    assert {anchor.key.rpartition("-")[2] for anchor in table.header.anchors[2:]} == {"96"}
    for side in (64, 96):
        for _ in range(10):
            graph = lower(SPACE.sample(rng, side))
            assert price(graph, table).ms == pytest.approx(device.true_ms(graph), rel=2e-3)


def test_drift_is_cancelled_by_the_reference() -> None:
    validation = built(Device(drift=0.3)).header.validation
    assert validation.mape < 0.02
    assert validation.floor < 0.03


def test_noise_stays_near_the_floor_and_is_told() -> None:
    validation = built(Device(drift=0.2, jitter=0.1)).header.validation
    assert validation.mape < 0.03
    assert 0.001 < validation.floor < 0.05
    assert validation.spearman > 0.98


def test_a_contended_device_is_flagged_and_cpu_time_still_holds() -> None:
    table = built(Device(preempted=0.5))
    assert table.header.contended
    assert table.header.validation.mape < 0.01


def test_a_build_beside_a_busy_core_is_flagged() -> None:
    bench = bench_of(Device())
    bench.beside = 0.5
    assert build_table(SPACE, bench, None, resolution=96, budget_s=5).header.contended
    bench.beside = 0.1
    assert not build_table(SPACE, bench, None, resolution=96, budget_s=5).header.contended


def test_a_device_that_is_no_sum_of_ops_gets_a_bad_report_card() -> None:
    table = built(Device(distort=uneven))
    assert table.header.validation.mape > 0.15
    assert table.header.validation.error_over_floor > 5
    assert "failed: mean error" in (usable(table) or "")


def test_a_table_that_holds_passes(quiet_table: LatencyTable) -> None:
    assert usable(quiet_table) is None


def test_the_bound_told_covers_the_error_of_fresh_networks_as_often_as_it_says() -> None:
    """Nine in ten over several devices, each with quirks of its own that no sum of ops has."""
    hits = []
    for seed in range(10):
        device = Device(distort=partial(quirk, seed))
        table = built(device, budget_s=1)
        rng = random.Random(100 + seed)
        for graph in [lower(SPACE.sample(rng, 96)) for _ in range(30)]:
            estimate = price(graph, table)
            hits.append(abs(estimate.ms - device.true_ms(graph)) <= estimate.error_bound_ms)
    assert statistics.fmean(hits) >= 0.85


def test_whole_networks_that_drift_against_the_reference_are_told() -> None:
    device = Device()
    device.ageing = lambda: 1 + 0.2 * min(1.0, device.wall_ms / 20_000)
    assert built(device, budget_s=60).header.drift > 0.03
    assert built(Device()).header.drift < 0.001


def test_entries_are_taken_from_inside_networks_where_the_runtime_tells() -> None:
    device = Device(jitter=0.05, drift=0.2)
    bench = ProfiledBench(device)
    table = build_table(SPACE, bench, None, resolution=96, budget_s=5)
    assert {entry.key for entry in space_entries(SPACE, 96)} <= set(table.timings)
    assert {timing.source for timing in table.timings.values()} == {"network"}
    assert len(set(bench.asked)) < len(table.timings) / 4  # a network has many entries
    for key, timing in table.timings.items():
        inside = device.discount * sum(alone_ms(op) for op in parse_key(key).ops)
        assert timing.ms == pytest.approx(inside, rel=0.25)
    assert table.header.validation.raw_mape < 0.06
    assert usable(table) is None


def test_networks_of_several_resolutions_are_profiled_less_often() -> None:
    one, both = (ProfiledBench(Device()) for _ in range(2))
    build_table(SPACE, one, None, resolution=96, budget_s=5)
    table = build_table(SPACE.at(64, 96), both, None, resolution=96, budget_s=5)
    assert {timing.rounds for timing in table.timings.values()} == {2}
    assert len(both.asked) < 1.6 * len(one.asked)
    assert table.header.validation.mape < 0.01


def test_the_file_is_the_table(tmp_path: Path) -> None:
    device = Device(jitter=0.05)
    path = tmp_path / "table.jsonl"
    table = build_table(SPACE, bench_of(device), path, resolution=96, budget_s=5)
    assert read_table(path) == table


def test_a_build_keeps_to_its_budget_beyond_three_rounds() -> None:
    short, long = Device(jitter=0.3), Device(jitter=0.3)
    rounds = [
        max(t.rounds for t in built(device, budget).timings.values()) for device, budget in ((short, 1), (long, 120))
    ]
    assert rounds[0] == 3
    assert rounds[1] > 3
    assert long.wall_ms <= 120_000


def test_fresh_networks_confirm_a_table_that_holds_and_refute_one_that_does_not(quiet_table: LatencyTable) -> None:
    for device, low, high in ((Device(), 0.0, 0.001), (Device(discount=1.0), 0.15, 0.25)):
        # The reference is a whole network: its own discount cancels, so slow down everything else.
        device.distort = (
            (lambda graph: 1.0) if low == 0 else (lambda graph: 1.25 if graph.inputs[0].size == 96 else 1.0)
        )
        found = check_table(quiet_table, SPACE, bench_of(device), 10)
        assert found.count == 10
        assert low <= found.mape <= high


def test_check_refuses_a_table_of_another_runtime(quiet_table: LatencyTable) -> None:
    runtime = SimulatedRuntime(Device())
    runtime.version = "2.0"
    with pytest.raises(ConditionsDiffer, match=r"runtime_version is '1.0' there, '2.0' here"):
        check_table(quiet_table, SPACE, LocalBench(runtime), 10)


def test_every_entry_of_a_space_appears_in_some_network_of_it() -> None:
    rng = random.Random(0)
    drawn = {entry.key for _ in range(2000) for entry in entries(lower(SPACE.sample(rng, 96)))}
    names = [f"{name}-96" for name in (*(f"{name}-1" for name in PUBLISHED), *OUTSIDE)]
    published = {entry.key for name in names for entry in entries(lower(known(name)))}
    assert drawn <= {entry.key for entry in space_entries(SPACE, 96)} <= drawn | published
