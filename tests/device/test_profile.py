import pytest

from nas.device.profile import CpuTimes, settled


def test_of_every_node_the_lower_quartile() -> None:
    assert settled({"a": [4.0, 1.0, 2.0, 3.0], "b": [5.0]}, []) == [("a", 2.0), ("b", 5.0)]


def test_nodes_that_add_up_to_more_than_the_cpu_did_are_brought_down_together() -> None:
    found = {"a": [3.0], "b": [1.0]}
    assert settled(found, [4.0, 5.0]) == [("a", 3.0), ("b", 1.0)]
    assert settled(found, [2.0]) == [("a", 1.5), ("b", 0.5)]


def test_cpu_time_is_noted_only_where_it_is_all_the_work() -> None:
    alone, helped = CpuTimes(alone=True), CpuTimes(alone=False)
    for times in (alone, helped):
        with times:
            sum(range(100_000))
    assert len(alone.ms) == 1
    assert alone.ms[0] == pytest.approx(1.0, abs=100)
    assert helped.ms == []
