import gc
import math
import random
import time
from statistics import stdev

import pytest

from nas.bench.reference import call_ratio
from nas.bench.rounds import spread, steady
from nas.bench.turns import Round, Turn, as_round, levels
from nas.device.clock import SystemClock, Tick, quiet
from nas.device.facts import describe, facts, parse_cpuinfo
from nas.device.turns import REFERENCE_NUMBER, Subject, Visit, prepare_subject, visits
from tests.bench.device import Device, SimulatedClock

CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Some  CPU @ 2.00GHz
flags\t\t: fpu avx2 hypervisor

processor\t: 1
model name\t: Another
"""


def test_the_machine_in_words() -> None:
    fields = parse_cpuinfo(CPUINFO)
    assert describe(fields, 4, "L1 32K L2 1024K") == (
        "Some CPU @ 2.00GHz, family 6 model 85, 4 cores, L1 32K L2 1024K, virtualised"
    )
    assert describe(fields | {"flags": "fpu"}, 1, "") == "Some CPU @ 2.00GHz, family 6 model 85, 1 cores"
    assert "2 cores" in describe({}, 2, "")
    assert facts().device == facts().device


def test_the_clock_counts_runs_and_tells_waiting_from_working() -> None:
    calls: list[int] = []
    tick = SystemClock().time(lambda: calls.append(1), 7)
    assert len(calls) == 7
    assert tick.cpu_ms >= 0
    slept = SystemClock().time(lambda: time.sleep(0.02), 1)
    assert slept.wall_ms >= 20
    assert slept.cpu_ms < slept.wall_ms / 2


def test_the_collector_rests_while_timing_and_comes_back_after_an_error() -> None:
    def fail() -> None:
        with quiet():
            assert not gc.isenabled()
            raise ValueError("inside")

    assert gc.isenabled()
    with pytest.raises(ValueError, match="inside"):
        fail()
    assert gc.isenabled()


def test_a_gauged_subject_reads_often_enough_and_short_runs_several_at_once() -> None:
    device = Device()
    clock = SimulatedClock(device)
    short, long = (
        prepare_subject(lambda: device.spend(0.01), clock, 8),
        prepare_subject(lambda: device.spend(20.0), clock, 8),
    )
    assert (short.together, short.readings) == (10, 20)
    assert (long.together, long.readings) == (1, 8)


def test_the_reference_surrounds_every_turn() -> None:
    device = Device()
    clock, log = SimulatedClock(device), list[str]()

    def subject(name: str, ms: float) -> Subject:
        def run() -> None:
            log.append(name)
            device.spend(ms)

        return Subject(run, 1, 1, ms)

    reference = subject("r", 1.0)
    found = as_round(visits([subject("a", 30.0), subject("b", 1.0), subject("c", 1.0)], reference, [0, 1, 2], clock))
    # Two runs to warm up and a reading each; short ones share a burst.
    assert log == list("rrraaarrrbbbcccrrr")
    assert [found.turns[i].ratio for i in range(3)] == pytest.approx([30.0, 1.0, 1.0])
    assert len(found.reference) == 3


def test_the_cost_of_a_call_from_two_chains() -> None:
    # A call of 5 and ops of 2: one op is 7, nine are 23.
    assert call_ratio([7.0], [23.0]) == pytest.approx(5.0)
    assert call_ratio([1.0], [20.0]) == 0.0


def test_spread_is_the_standard_error_over_the_median() -> None:
    assert spread([1.0]) == float("inf")
    assert spread([9.0, 10.0, 11.0]) == pytest.approx(1 / 3**0.5 / 10)


def test_the_window_of_the_reference_is_wide_in_noise_and_narrow_in_drift() -> None:
    rng = random.Random(0)
    noisy = [rng.gauss(1.0, 0.08) for _ in range(200)]
    assert stdev(levels(noisy)) < 0.03
    drifting = [1 + 0.5 * math.sin(i / 5) for i in range(200)]
    between = [1 + 0.5 * math.sin((i + 0.5) / 5) for i in range(199)]
    assert levels(drifting) == pytest.approx(between, abs=0.06)


def test_levels_of_the_shortest_rounds() -> None:
    assert levels([1.0]) == []
    assert levels([1.0, 3.0]) == [2.0]


def test_rounds_that_moved_the_anchors_are_left_out() -> None:
    def made(ratio: float) -> Round:
        reference = Visit(REFERENCE_NUMBER, (Tick(1.0, 1.0, False),))
        turn = Turn(Visit(0, (Tick(ratio, ratio, False),)), 1.0)
        return Round({0: turn, 1: turn}, (reference,))

    rounds = [made(ratio) for ratio in (2.0, 2.01, 2.3, 1.99)]
    assert steady(rounds, [0, 1], least=3) == [rounds[0], rounds[1], rounds[3]]
    assert steady(rounds, [0, 1], least=4) == rounds
    assert steady(rounds, [], least=3) == rounds


def test_a_subject_that_only_moved_rounds_visited_keeps_their_turns() -> None:
    def made(numbers: range, ratio: float) -> Round:
        turn = Turn(Visit(0, (Tick(ratio, ratio, False),)), 1.0)
        return Round(dict.fromkeys(numbers, turn), (Visit(REFERENCE_NUMBER, (Tick(1.0, 1.0, False),)),))

    rounds = [made(range(3), 2.3), *[made(range(2), 2.0)] * 3]  # subject 2 agreed with itself and was not visited again
    kept = steady(rounds, [0, 1], least=3)
    assert kept == [*rounds[1:], Round({2: rounds[0].turns[2]}, rounds[0].reference)]
