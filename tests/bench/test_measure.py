import pytest

from nas.bench.measure import measure, measure_many, measurement
from nas.bench.turns import Round, Turn
from nas.design.graph import lower
from nas.design.known import known
from nas.device.clock import Tick
from nas.device.turns import Visit
from nas.latency.prediction.estimate import price
from nas.latency.table import LatencyTable
from tests.bench.device import Device, bench_of

GRAPH = lower(known("mobilenet_v3_large-0.5-96"))
PLAN_IN_TABLE = lower(known("mobilenet_v3_small-1-96"))


def turn(walls: list[float], cpu: list[float], disturbed: list[bool], reference_ms: float = 1.0) -> Turn:
    return Turn(Visit(0, tuple(map(Tick, walls, cpu, disturbed))), reference_ms)


def test_a_quiet_device_is_measured_exactly(quiet_table: LatencyTable) -> None:
    device = Device()
    found = measure(GRAPH, bench_of(device), quiet_table)
    true = device.true_ms(GRAPH)
    assert (found.runtime, found.contended) == ("simulated", False)
    assert (found.measured_ms, found.p10_ms, found.p90_ms) == pytest.approx((true, true, true))
    assert found.nominal_ms == pytest.approx(true)
    assert found.floor_ms == pytest.approx(0, abs=1e-9)
    assert found.runs >= 50


def test_a_slower_hour_shows_in_the_measurement_and_not_in_the_nominal_time(quiet_table: LatencyTable) -> None:
    device = Device()
    true = device.true_ms(GRAPH)
    device.speed = lambda: 1.5  # type: ignore[method-assign]
    found = measure(GRAPH, bench_of(device), quiet_table)
    assert found.measured_ms == pytest.approx(1.5 * true)
    assert found.nominal_ms == pytest.approx(true)


def test_without_a_table_there_is_no_nominal_time() -> None:
    device = Device()
    assert measure(GRAPH, bench_of(device)).nominal_ms is None


@pytest.mark.parametrize(("preempted", "contended"), [(0.0, False), (0.3, False), (0.95, True)])
def test_pre_emption_does_not_reach_the_headline(preempted: float, contended: bool) -> None:
    device = Device(jitter=0.05, preempted=preempted)
    found = measure(GRAPH, bench_of(device))
    assert found.contended is contended
    assert found.p10_ms <= found.measured_ms <= found.p90_ms
    assert found.measured_ms == pytest.approx(device.true_ms(GRAPH), rel=0.06)


def test_two_copies_of_a_network_measure_alike_while_the_device_drifts() -> None:
    device = Device(drift=0.3)
    found = measure_many([GRAPH] * 3, bench_of(device))
    times = [one.measured_ms for one in found]
    assert max(times) / min(times) < 1.1
    assert all(one.floor_ms > 0 for one in found)


def rounds_of(*turns: Turn, references_ms: tuple[float, ...] = (1.0,)) -> list[Round]:
    """One turn of subject 0 a round."""
    visits = tuple(Visit(-1, (Tick(ms, ms, False),)) for ms in references_ms)
    return [Round({0: one}, visits) for one in turns]


def test_measurement_tells_the_median_of_undisturbed_runs_now_and_at_the_speed_of_the_table() -> None:
    rounds = rounds_of(
        turn([1.0, 2.0, 9.0], [1.0, 1.5, 2.0], [False, False, True]),
        turn([3.0, 4.0, 9.0], [3.0, 3.5, 4.0], [False, False, True], reference_ms=2.0),
        references_ms=(1.0, 2.0, 4.0),
    )
    found = measurement(rounds, 0, "r", nominal_ms=2.5)
    assert found.measured_ms == 2.5  # the median of 1, 2, 3, 4
    assert (found.p10_ms, found.p90_ms) == pytest.approx((1.3, 3.7))
    # Medians of 1.5 and 3.5 over references of 1 and 2: ratios of 1.5 and 1.75.
    assert found.nominal_ms == pytest.approx(2.5 * 1.625)
    assert found.settled_ms == found.nominal_ms
    assert found.floor_ms == pytest.approx(2.5 * 0.125 / 1.625)
    assert found.settled_floor_ms == pytest.approx(2.5 * 0.125)
    # The reference took 1, 2 and 4 twice, and 2.5 in the table.
    assert found.slowdown == pytest.approx(2.0 / 2.5)
    assert found.moving == pytest.approx((4.0 - 1.0) / 2.0)
    assert (found.runs, found.contended) == (6, False)
    assert found.statistic == "median wall time of undisturbed runs"


def test_measurement_tells_cpu_time_if_too_few_runs_were_undisturbed() -> None:
    rounds = rounds_of(turn([1.0, 5.0, 6.0, 7.0], [1.0, 2.0, 2.5, 3.0], [False, True, True, True]))
    found = measurement(rounds, 0, "r", nominal_ms=2.0)
    assert (found.measured_ms, found.nominal_ms, found.contended) == (2.25, 4.5, True)
    assert found.statistic == "median CPU time of all runs"


def test_measurement_of_a_quantile_is_of_all_runs_disturbed_ones_too() -> None:
    walls = [float(ms) for ms in range(1, 102)]
    rounds = rounds_of(turn(walls, walls, [ms > 91 for ms in walls], reference_ms=2.0))
    found = measurement(rounds, 0, "r", nominal_ms=3.0, latency="p90")
    assert found.measured_ms == pytest.approx(91.0)
    assert found.nominal_ms == pytest.approx(91.0 / 2.0 * 3.0)
    assert found.statistic == "90 % quantile of the wall time of all runs"


def test_measure_tells_how_much_slower_the_device_is_than_its_table(quiet_table: LatencyTable) -> None:
    device = Device()
    device.speed = lambda: 1.17  # type: ignore[method-assign]
    found = measure(GRAPH, bench_of(device), quiet_table)
    assert found.slowdown == pytest.approx(1.17)
    assert found.moving == pytest.approx(0.0, abs=1e-9)
    assert measure(GRAPH, bench_of(Device(drift=0.3)), quiet_table).moving > 0.2


def test_measure_and_price_agree_at_the_speed_of_the_table_whatever_the_present_speed(
    quiet_table: LatencyTable,
) -> None:
    device = Device()
    device.speed = lambda: 1.5  # type: ignore[method-assign]
    assert measure(PLAN_IN_TABLE, bench_of(device), quiet_table).settled_ms == pytest.approx(
        price(PLAN_IN_TABLE, quiet_table).ms, rel=0.01
    )
