from pathlib import Path

import pytest

from nas.bench.bench import LocalBench
from nas.bench.pricer import Pricer
from nas.bench.tables.build import build_table
from nas.design.graph import lower
from nas.design.known import known
from nas.errors import ConditionsDiffer
from nas.latency.prediction.estimate import missing, price
from nas.latency.table import LatencyTable, read_table, write_table
from tests.bench.conftest import SPACE
from tests.bench.device import Device, ProfiledBench, SimulatedRuntime, bench_of

STRANGE = known("mobilenet_v3_large-0.65-96")
OTHERS = [known("mobilenet_v3_large-0.4-96"), known("mobilenet_v2-0.7-96"), STRANGE]


@pytest.fixture
def path(tmp_path: Path, quiet_table: LatencyTable) -> Path:
    write_table(tmp_path / "table.jsonl", quiet_table)
    return tmp_path / "table.jsonl"


def pricer_on(device: Device, path: Path) -> Pricer:
    return Pricer(read_table(path), bench_of(device), path)


def test_missing_entries_are_measured_and_kept(path: Path, quiet_table: LatencyTable) -> None:
    device = Device()
    lacking = {entry.key for entry in missing(lower(STRANGE), quiet_table)}
    assert lacking
    pricer = pricer_on(device, path)
    assert pricer(STRANGE).ms == pytest.approx(device.true_ms(lower(STRANGE)), rel=2e-3)
    assert pricer.measured == len(lacking)
    kept = read_table(path)
    assert kept == pricer.table
    assert set(kept.timings) == set(quiet_table.timings) | lacking


def test_what_is_known_is_not_measured_again(path: Path) -> None:
    pricer_on(Device(), path).ensure(OTHERS)
    device = Device()
    pricer = pricer_on(device, path)
    pricer.ensure(OTHERS)
    known = [price(lower(arch), read_table(path)).ms for arch in OTHERS]
    assert [pricer(arch).ms for arch in OTHERS] == pytest.approx(known)
    assert (device.compiled, pricer.measured) == (0, 0)


def test_a_batch_measures_every_missing_key_once(path: Path, quiet_table: LatencyTable) -> None:
    device = Device()
    keys = {entry.key for arch in OTHERS for entry in missing(lower(arch), quiet_table)}
    pricer = pricer_on(device, path)
    pricer.ensure(OTHERS + OTHERS)
    assert pricer.measured == len(keys)
    assert device.compiled == len(keys) + 1  # and the reference


def test_entries_measured_in_a_slow_hour_fit_the_table(path: Path) -> None:
    device = Device()
    true = device.true_ms(lower(STRANGE))
    device.speed = lambda: 1.7  # type: ignore[method-assign]
    assert pricer_on(device, path)(STRANGE).ms == pytest.approx(true, rel=2e-3)


def test_a_table_of_another_machine_is_refused(path: Path) -> None:
    runtime = SimulatedRuntime(Device())
    runtime.threads = 4
    with pytest.raises(ConditionsDiffer, match=r"table\.jsonl was measured under .*: threads is 1 there, 4 here"):
        Pricer(read_table(path), LocalBench(runtime), path)


def test_without_a_path_nothing_is_written(quiet_table: LatencyTable) -> None:
    device = Device()
    pricer = Pricer(quiet_table, bench_of(device))
    assert pricer(STRANGE).ms > 0
    assert len(pricer.table.timings) > len(quiet_table.timings)


def test_missing_entries_of_a_profiled_table_come_from_inside_networks(tmp_path: Path) -> None:
    device = Device()
    bench = ProfiledBench(device)
    table = build_table(SPACE, bench, tmp_path / "table.jsonl", resolution=96, budget_s=1, held_out=10)
    pricer = Pricer(table, bench, tmp_path / "table.jsonl")
    lacking = {entry.key for arch in OTHERS for entry in missing(lower(arch), table)}
    bench.asked.clear()
    pricer.ensure(OTHERS)
    assert len(set(bench.asked)) <= len(OTHERS)
    assert {pricer.table.timings[key].source for key in lacking} == {"network"}
    assert [pricer(arch).ms for arch in OTHERS] == pytest.approx(
        [device.true_ms(lower(arch)) for arch in OTHERS], rel=0.02
    )
    assert set(read_table(tmp_path / "table.jsonl").timings) == set(table.timings) | lacking
