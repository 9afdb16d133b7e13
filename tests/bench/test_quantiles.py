import numpy as np
import pytest

from nas.bench.measure import measure
from nas.bench.quantiles import fit_quantiles, quantile_ratio
from nas.bench.tables.build import build_table
from nas.bench.turns import Round, Turn
from nas.design.graph import lower
from nas.design.known import known
from nas.device.clock import Tick
from nas.device.turns import REFERENCE_NUMBER, Visit
from nas.latency.deadline import price_quantile
from nas.latency.prediction.estimate import price
from nas.latency.report_card import Pair
from nas.latency.table import LatencyTable
from tests.bench.conftest import SPACE
from tests.bench.device import Device, bench_of

SHAPE = np.linspace(0.5, 1.5, 101)  # median 1, nine in ten at most 1.4


def turn(number: int, walls: np.ndarray, reference_ms: float = 1.0) -> Turn:
    return Turn(Visit(number, tuple(Tick(ms, ms, False) for ms in walls.tolist())), reference_ms)


def rounds_of(*turns: Turn) -> list[Round]:
    reference = (Visit(REFERENCE_NUMBER, (Tick(1.0, 1.0, False),)),)
    return [Round({one.visit.number: one for one in turns}, reference)]


def test_quantile_ratio_is_freed_of_the_speed_that_the_device_had_in_each_round() -> None:
    turns = [turn(0, 10 * SHAPE, 1.0), turn(0, 30 * SHAPE, 3.0)]
    assert quantile_ratio(turns, 0.9) == pytest.approx(1.4)
    assert quantile_ratio(turns, 0.5) == pytest.approx(1.0)


def test_fit_quantiles_takes_one_ratio_for_all_networks_and_grades_it_on_the_others() -> None:
    # Those that calibrate have 1.4; of the two held out, one has that too and the other 1 + 0.8 / 2.
    wide = 1 + 2 * (SHAPE - 1)
    rounds = rounds_of(turn(0, 5 * SHAPE), turn(1, 7 * SHAPE), turn(2, 2 * SHAPE), turn(3, 4 * wide))
    ninety, ninety_nine = fit_quantiles(rounds, [0, 1], {2: Pair(2.0, 2.0, 2.2), 3: Pair(4.0, 4.0, 4.4)})
    assert (ninety.share, ninety_nine.share) == (0.9, 0.99)
    assert ninety.ratio == pytest.approx(1.4)
    assert ninety_nine.ratio == pytest.approx(1.49)
    assert ninety.runs == 2 * len(SHAPE)
    pairs = ninety.validation.pairs
    assert [pair.predicted_ms for pair in pairs] == pytest.approx([2.8, 5.6])
    assert [pair.measured_ms for pair in pairs] == pytest.approx([2.8, 7.2])
    assert ninety.validation.mape == pytest.approx((1 - 5.6 / 7.2) / 2)


@pytest.fixture(scope="module")
def late() -> tuple[Device, LatencyTable]:
    """A device that takes 5 ms more in every fifth run, and its table."""
    device = Device(preempted=0.2)
    return device, build_table(SPACE, bench_of(device), None, resolution=96, budget_s=5)


def test_a_built_table_prices_the_quantile_that_the_clock_measures(late: tuple[Device, LatencyTable]) -> None:
    device, table = late
    graph = lower(known("mobilenet_v3_large-1-96"))
    median, quantile = price(graph, table).ms, price(graph, price_quantile(table, "p99", "it")).ms
    measured = measure(graph, bench_of(device), table, latency="p99")
    assert median == pytest.approx(device.true_ms(graph), rel=0.01)
    assert quantile > 1.5 * median
    assert measured.measured_ms == pytest.approx(device.true_ms(graph) + 5, rel=0.01)
    found = next(one for one in table.header.quantiles if one.share == 0.99)
    assert quantile == pytest.approx(found.ratio * median)
    assert found.validation.count == table.header.validation.count


def test_on_a_quiet_device_all_quantiles_are_the_median(quiet_table: LatencyTable) -> None:
    assert [one.share for one in quiet_table.header.quantiles] == [0.9, 0.99]
    for one in quiet_table.header.quantiles:
        assert one.ratio == pytest.approx(1.0)
        assert one.validation.mape == pytest.approx(0, abs=1e-6)
