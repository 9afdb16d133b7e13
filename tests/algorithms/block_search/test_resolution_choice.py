"""Which resolutions are considered when none is asked for."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.algorithms.block_search.resolution_choice import (
    USUAL,
    candidates,
    choose_for_space,
    choose_for_start,
    choose_start,
    largest_useful,
)
from nas.design.architecture import Architecture
from nas.design.known import known
from nas.design.size import area
from nas.design.space import load_space
from nas.latency.timing import Measurement
from tests.algorithms.conftest import FakeShips


class PixelShips(FakeShips):
    """A clock that reads a millisecond for every 4,096 pixels, whatever the network."""

    def measure(self, architectures: Sequence[Architecture]) -> list[Measurement]:
        times = [area(arch.resolution) / 4096 for arch in architectures]
        return [Measurement("fake", ms, ms, ms, 60, False, 0.01, ms) for ms in times]


def sides(middle: int) -> tuple[int, int, int]:
    return middle, middle, middle


@pytest.mark.parametrize(
    ("middle", "largest"), [(8, 64), (28, 64), (64, 128), (96, 192), (112, 224), (160, 224), (256, 256), (3000, 256)]
)
def test_largest_useful_shows_small_images_twice_as_large_and_large_ones_as_they_are(middle: int, largest: int) -> None:
    assert largest_useful(sides(middle)) == largest


def test_candidates_with_room_for_all_are_the_largest_useful_the_own_and_one_between() -> None:
    assert candidates(sides(64), lambda side: True) == (64, 96, 128)
    assert candidates(sides(28), lambda side: True) == (32, 48, 64)
    assert candidates(sides(500), lambda side: True) == (128, 192, 256)


def test_candidates_for_a_low_target_are_smaller_and_keep_the_images_own_size() -> None:
    assert candidates(sides(64), lambda side: side <= 96) == (48, 64, 96)
    assert candidates(sides(64), lambda side: side <= 80)[-1] == 80
    assert 64 in candidates(sides(64), lambda side: side <= 80)


def test_candidates_where_nothing_is_roomy_is_the_smallest() -> None:
    assert candidates(sides(64), lambda side: False) == (32,)


@given(st.integers(2, 5000), st.integers(0, 400))
def test_candidates_are_usual_rising_and_at_most_three(middle: int, most: int) -> None:
    found = candidates(sides(middle), lambda side: side <= most)
    assert 1 <= len(found) <= 3
    assert list(found) == sorted(set(found))
    assert set(found) <= set(USUAL)
    assert found[-1] <= max(largest_useful(sides(middle)), 32)


def test_choose_for_space_serves_the_lowest_and_the_highest_target() -> None:
    space = load_space("mobilenet_v3_small")
    one = choose_for_space(space, 10, sides(64), (16.0,), PixelShips())
    assert one == (64, 96, 128)
    low = choose_for_space(space, 10, sides(64), (2.0,), PixelShips())
    assert low[-1] == 64
    both = choose_for_space(space, 10, sides(64), (2.0, 16.0), PixelShips())
    assert len(both) <= 4
    assert both[0] == low[0]
    assert both[-1] == 128


@pytest.mark.parametrize(("target_ms", "start"), [(4.0, 128), (1.0, 128), (0.9, 112), (0.01, 32)])
def test_choose_start_is_not_far_from_the_target(target_ms: float, start: int) -> None:
    source = known("mobilenet_v3_small", 10)
    assert choose_start(source, sides(64), (target_ms,), PixelShips()) == start


def test_choices_for_a_network_that_is_not_square_have_its_aspect() -> None:
    wide = known("mobilenet_v3_small-1-96x160", 10)
    assert choose_start(wide, sides(64), (1.0,), PixelShips()) == (96, 160)
    assert choose_start(wide, sides(64), (0.01,), PixelShips()) == (32, 56)
    assert choose_for_start(wide, sides(64), (2.0,), PixelShips()) == ((64, 104), (96, 160), (128, 216))
