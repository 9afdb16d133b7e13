import pytest

from nas.device.profile import WARM_RUNS, settle_nodes, time_plain


def test_settle_nodes_takes_the_same_time_of_every_node_until_all_add_up_to_a_plain_run() -> None:
    times = {"a": [4.0, 1.0, 3.0], "b": [6.0, 5.0, 9.0], "c": [2.0]}  # medians 3, 6 and 2
    assert dict(settle_nodes(times, 8.0)) == pytest.approx({"a": 2.0, "b": 5.0, "c": 1.0})
    assert dict(settle_nodes(times, 14.0)) == pytest.approx({"a": 4.0, "b": 7.0, "c": 3.0})


def test_settle_nodes_leaves_a_small_node_a_part_of_its_time() -> None:
    # Each would give up 2 of 1 and 11 milliseconds; the small one keeps a fifth, and the sum is the plain run's.
    small, large = (ms for _, ms in settle_nodes({"small": [1.0], "large": [11.0]}, 8.0))
    assert small / large == pytest.approx(0.2 / 9.0)
    assert small + large == pytest.approx(8.0)


def test_settle_nodes_of_no_node_is_nothing() -> None:
    assert settle_nodes({}, 1.0) == []


@pytest.mark.parametrize("alone", [True, False])
def test_time_plain_runs_warm_ups_and_then_those_that_count(alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    calls: list[int] = []

    def run() -> None:
        calls.append(1)
        seconds[0] += 0.5 if len(calls) <= WARM_RUNS else 0.001 * (len(calls) - WARM_RUNS)

    monkeypatch.setattr(f"nas.device.profile.time.{'thread_time' if alone else 'perf_counter'}", lambda: seconds[0])
    assert time_plain(run, 3, alone) == pytest.approx(2.0)
    assert len(calls) == WARM_RUNS + 3
