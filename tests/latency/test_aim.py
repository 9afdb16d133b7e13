import random

import pytest
from msgspec.structs import replace

from nas.latency.aim import guard, reach
from nas.latency.report_card import Pair, grade
from nas.latency.table import LatencyTable


def with_excess(table: LatencyTable, *excess: float) -> LatencyTable:
    """A table whose held-out networks measured so many times what was predicted."""
    card = grade([Pair(ms, x * ms, ms) for ms, x in enumerate(excess, start=1)], floor=0.001)
    return replace(table, header=replace(table.header, validation=card))


def test_reach_is_what_four_of_five_networks_do_not_exceed(table: LatencyTable) -> None:
    assert reach(with_excess(table, 0.98, 1.0, 1.01, 1.04, 1.08)) == pytest.approx(1 / 1.08)
    assert reach(with_excess(table, *[0.98] * 3, *[1.02] * 5, 1.5)) == pytest.approx(1 / 1.02)


def test_reach_is_never_beyond_the_target_nor_far_below_it(table: LatencyTable) -> None:
    assert reach(with_excess(table, 0.9, 0.8, 0.95)) == 1.0
    assert reach(with_excess(table, 1.4, 1.5, 1.6)) == 0.9


def test_a_network_aimed_at_by_reach_measures_within_the_target_four_times_in_five(table: LatencyTable) -> None:
    rng = random.Random(0)
    hits = []
    for _ in range(200):
        aimed = reach(with_excess(table, *(rng.gauss(1.01, 0.02) for _ in range(20))))
        hits += [aimed * rng.gauss(1.01, 0.02) <= 1 for _ in range(20)]
    assert 0.78 <= sum(hits) / len(hits) <= 0.88


def test_guard_is_the_tables_error_within_reason(table: LatencyTable) -> None:
    assert guard(with_excess(table, 1.0, 1.001)) == 0.03
    assert guard(with_excess(table, 1.0, 1.0 / 1.06)) == pytest.approx(0.06)
    assert guard(with_excess(table, 1.0, 2.0)) == 0.10
