import pytest

from nas.bench.measure import measure, measure_many, measurement
from nas.bench.turns import Turn
from nas.design.known import known
from nas.design.plan import lower
from nas.device.clock import Tick
from nas.device.turns import Visit
from nas.latency.table import LatencyTable
from tests.bench.device import Device, bench_of

PLAN = lower(known("mobilenet_v3_large-0.5-96"))


def turn(walls: list[float], cpu: list[float], disturbed: list[bool], reference_ms: float = 1.0) -> Turn:
    return Turn(Visit(0, tuple(map(Tick, walls, cpu, disturbed))), reference_ms)


def test_a_quiet_device_is_measured_exactly(quiet_table: LatencyTable) -> None:
    device = Device()
    found = measure(PLAN, bench_of(device), quiet_table)
    true = device.true_ms(PLAN)
    assert (found.runtime, found.contended) == ("simulated", False)
    assert (found.measured_ms, found.p10_ms, found.p90_ms) == pytest.approx((true, true, true))
    assert found.nominal_ms == pytest.approx(true)
    assert found.floor_ms == pytest.approx(0, abs=1e-9)
    assert found.runs >= 50


def test_a_slower_hour_shows_in_the_measurement_and_not_in_the_nominal_time(quiet_table: LatencyTable) -> None:
    device = Device()
    true = device.true_ms(PLAN)
    device.speed = lambda: 1.5  # type: ignore[method-assign]
    found = measure(PLAN, bench_of(device), quiet_table)
    assert found.measured_ms == pytest.approx(1.5 * true)
    assert found.nominal_ms == pytest.approx(true)


def test_without_a_table_there_is_no_nominal_time() -> None:
    device = Device()
    assert measure(PLAN, bench_of(device)).nominal_ms is None


@pytest.mark.parametrize(("preempted", "contended"), [(0.0, False), (0.3, False), (0.95, True)])
def test_pre_emption_does_not_reach_the_headline(preempted: float, contended: bool) -> None:
    device = Device(jitter=0.05, preempted=preempted)
    found = measure(PLAN, bench_of(device))
    assert found.contended is contended
    assert found.p10_ms <= found.measured_ms <= found.p90_ms
    assert found.measured_ms == pytest.approx(device.true_ms(PLAN), rel=0.06)


def test_two_copies_of_a_network_measure_alike_while_the_device_drifts() -> None:
    device = Device(drift=0.3)
    found = measure_many([PLAN] * 3, bench_of(device))
    times = [one.measured_ms for one in found]
    assert max(times) / min(times) < 1.1
    assert all(one.floor_ms > 0 for one in found)


def test_the_words_by_hand() -> None:
    turns = [
        turn([1.0, 2.0, 9.0], [1.0, 1.5, 2.0], [False, False, True]),
        turn([3.0, 4.0, 9.0], [3.0, 3.5, 4.0], [False, False, True]),
    ]
    found = measurement(turns, "r", nominal_ms=2.0)
    assert found.measured_ms == 2.5  # the median of 1, 2, 3, 4
    assert (found.p10_ms, found.p90_ms) == pytest.approx((1.3, 3.7))
    assert found.floor_ms == pytest.approx((3.5 - 1.5) / 2)
    assert found.nominal_ms == pytest.approx(2.0 * (1.25 + 3.25) / 2)
    assert (found.runs, found.contended) == (6, False)
