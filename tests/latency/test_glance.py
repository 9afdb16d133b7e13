import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.latency.fingerprint import Anchor
from nas.latency.glance import Glance, Rebuild, Same, decide, is_usual

THEN = [Anchor("smallest", 2.0, 0.01), Anchor("largest", 8.0, 0.02), Anchor("gone", 3.0, 0.02)]
FLOOR = 0.01


def glance(*changes: float, slowdown: float = 1.0, busy: float = 0.0, contended: bool = False) -> Glance:
    anchors = [Anchor(a.key, a.ratio * (1 + change), 0.01) for a, change in zip(THEN, changes, strict=False)]
    return Glance(tuple(anchors), slowdown, busy, contended)


@pytest.mark.parametrize("one", [glance(0.01, -0.02, slowdown=1.05), glance(0.0, 0.0, slowdown=1.099)])
def test_a_glance_like_the_table_is_enough_and_needs_no_words(one: Glance) -> None:
    assert is_usual(one, THEN, FLOOR)
    assert decide(THEN, [one], FLOOR) == Same()


@pytest.mark.parametrize("one", [glance(0.0, 0.0, slowdown=1.17), glance(0.06, 0.0), glance(0.0, slowdown=0.5)])
def test_any_other_glance_is_repeated(one: Glance) -> None:
    assert not is_usual(one, THEN, FLOOR)


@pytest.mark.parametrize(
    ("glances", "words"),
    [
        ([glance(0.0, slowdown=1.3), glance(0.0)], "took 1.30 times as long as its table says for a moment"),
        (
            [glance(0.0, slowdown=1.3, busy=1.2), glance(0.0, slowdown=1.3, busy=0.9)],
            "other programs keep 1.2 cores busy",
        ),
        ([glance(0.0, slowdown=1.3, contended=True)] * 2, "other programs take its core away"),
        ([glance(0.0, slowdown=1.3), glance(0.0, slowdown=1.15)], "1.30, then 1.15 times as long .* its speed moves"),
        ([glance(0.0, slowdown=1.3), glance(0.0, slowdown=1.31)], "1.31 times .* twice .* it has changed"),
        ([glance(0.0, slowdown=0.5), glance(0.0, slowdown=0.5)], "0.50 times .* it has changed"),
    ],
)
def test_decide_keeps_the_prices_of_a_device_of_another_speed_and_says_why(glances: list[Glance], words: str) -> None:
    found = decide(THEN, glances, FLOOR)
    assert isinstance(found, Same)
    assert found.note is not None
    assert re.search(words, found.note)


def test_decide_asks_for_a_new_table_if_anchors_disagree_twice_and_names_the_worst() -> None:
    found = decide(THEN, [glance(0.01, -0.3), glance(0.01, -0.2)], FLOOR)
    assert isinstance(found, Rebuild)
    assert found.reason.startswith("largest takes -20.0% ")


def test_decide_keeps_a_table_whose_anchors_agree_in_one_of_two_glances() -> None:
    assert decide(THEN, [glance(0.01, -0.2), glance(0.01, 0.0)], FLOOR) == Same()


def test_decide_keeps_a_table_whose_anchors_were_hit_by_one_burst_each() -> None:
    assert decide(THEN, [glance(1.8, 0.0), glance(0.01, -0.2)], FLOOR) == Same()
    assert isinstance(decide(THEN, [glance(1.8, 0.0), glance(1.7, -0.2)], FLOOR), Rebuild)


def test_decide_allows_anchors_three_floors_and_twice_that_while_the_device_is_busy() -> None:
    assert decide(THEN, [glance(0.11)], 0.04) == Same()
    assert isinstance(decide(THEN, [glance(0.13)], 0.04), Rebuild)
    assert decide(THEN, [glance(0.23, busy=0.5)], 0.04) == Same()
    assert isinstance(decide(THEN, [glance(0.25, busy=0.5)], 0.04), Rebuild)


def test_decide_knows_nothing_without_a_common_anchor() -> None:
    assert isinstance(decide([], [glance(0.0)], FLOOR), Rebuild)
    assert isinstance(decide(THEN, [Glance((), 1.0)], FLOOR), Rebuild)


@given(st.floats(0.2, 5), st.floats(0, 0.05), st.lists(st.floats(-0.049, 0.049), min_size=3, max_size=3))
def test_decide_never_lets_the_speed_alone_end_a_table(slowdown: float, floor: float, changes: list[float]) -> None:
    found = decide(THEN, [glance(*changes, slowdown=slowdown)] * 2, floor)
    assert isinstance(found, Same)
    assert (found.note is None) == (abs(slowdown - 1) <= 0.10)
