import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.latency.prediction.entry import parse_key
from nas.latency.prediction.interpolate import MISS, families, filled, grid_class, interpolate, next_widths
from nas.latency.timing import Timing

EXPAND = "conv 24>{} k1 s1 g1 28 relu"
WANTED = list(range(16, 961, 8))


def at(ms: float) -> Timing:
    return Timing(ms, 0.9 * ms, 1.2 * ms, 24, 3)


def table(times: dict[int, float], key: str = EXPAND) -> dict[str, Timing]:
    return {key.replace("{}", str(width)): at(ms) for width, ms in times.items()}


def predicted(width: int, times: dict[int, float], key: str = EXPAND) -> Timing | None:
    return interpolate(parse_key(key.replace("{}", str(width))), families(table(times, key)))


def test_a_straight_line_is_predicted_exactly_and_flagged() -> None:
    found = predicted(48, {16: 1.6, 32: 3.2, 64: 6.4, 80: 8.0})
    assert found is not None
    assert (found.ms, found.p10_ms, found.p90_ms) == pytest.approx((4.8, 0.9 * 4.8, 1.2 * 4.8))
    assert (found.source, found.runs, found.rounds) == ("interpolated", 0, 0)
    assert found.uncertainty == pytest.approx(0, abs=1e-12)


def test_the_uncertainty_is_the_worst_miss_of_the_neighbours_themselves() -> None:
    found = predicted(48, {16: 1.0, 32: 2.0, 64: 5.0, 80: 6.0})
    assert found is not None
    assert found.ms == pytest.approx(3.5)
    # 32 from 16 and 64 gives 1 + 4 / 3 instead of 2, a third of the way, which counts 3 / 2; 64 from 32 and 80 gives
    # 2 + 4 * 2 / 3 instead of 5, as far from the other end.
    assert found.uncertainty == pytest.approx(1.5 * max((1 + 4 / 3) / 2 - 1, 1 - (2 + 8 / 3) / 5))


@pytest.mark.parametrize("width", [8, 96, 16, 64])
def test_nothing_outside_or_on_the_measured_widths(width: int) -> None:
    assert predicted(width, {16: 1.0, 32: 2.0, 64: 4.0, 80: 5.0}) is None


def test_two_points_alone_say_nothing_of_their_line() -> None:
    assert predicted(32, {16: 1.0, 48: 3.0}) is None


def test_neighbours_are_of_the_same_grid_class() -> None:
    multiples = {16: 1.0, 32: 2.0, 64: 4.0, 80: 5.0}
    assert [grid_class(width) for width in (7, 6, 12, 40, 48, 64)] == [1, 2, 4, 8, 16, 16]
    for off_grid in (44, 40, 47, 50):
        assert predicted(off_grid, multiples) is None


def test_a_width_off_the_lattice_of_the_measured_ones_is_not_predicted() -> None:
    # Steps of 32: along its multiples a straight line, and 48 costs as much as 64.
    assert predicted(48, {w: math.ceil(w / 32) for w in (32, 64, 96, 128)}) is None
    assert predicted(24, {w: math.ceil(w / 32) for w in (8, 40, 72, 104)}) is None
    assert predicted(64, {w: math.ceil(w / 32) for w in (32, 96, 128)}) is not None


@pytest.mark.parametrize(
    ("key", "other"),
    [
        (EXPAND, "conv 24>{} k1 s1 g1 28 hswish"),
        (EXPAND, "conv 24>{} k1 s1 g1 14 relu"),
        (EXPAND, "conv 32>{} k1 s1 g1 28 relu"),
        ("conv {}>24 k1 s1 g1 28 linear", "conv {}>24 k1 s1 g1 28 linear +add"),
        ("conv {}>{} k3 s1 g{} 28 relu", "conv {}>{} k5 s1 g{} 28 relu"),
        ("conv {}>{} k3 s1 g{} 28 relu", "conv {}>{} k3 s2 g{} 28 relu"),
        ("linear {}>10 linear", "linear {}>20 linear"),
        ("pool {} 7", "pool {} 14"),
        ("add {} 7", "pool {} 7"),
    ],
)
def test_only_one_width_may_differ(key: str, other: str) -> None:
    times = {16: 1.0, 32: 2.0, 64: 4.0, 80: 5.0}
    assert predicted(48, times, key) is not None
    assert interpolate(parse_key(key.replace("{}", "48")), families(table(times, other))) is None


def test_squeeze_excite_varies_by_its_width_while_the_ratio_is_the_same() -> None:
    keys = [f"se {width}>{width // 4} 14" for width in (64, 128, 192)]
    measured = families(dict(zip(keys, map(at, (1.0, 2.0, 3.0)), strict=True)))
    assert interpolate(parse_key("se 160>40 14"), measured) is None  # off their lattice
    measured = families({**table({}), **dict(zip([*keys, "se 224>56 14"], map(at, (1.0, 2.0, 3.0, 3.5)), strict=True))})
    found = interpolate(parse_key("se 160>40 14"), measured)
    assert found is not None
    assert found.ms == pytest.approx(2.5)
    assert interpolate(parse_key("se 160>80 14"), measured) is None


def test_interpolated_timings_are_no_neighbours_and_fill_only_gaps() -> None:
    timings = table({16: 1.0, 32: 2.0, 64: 4.0, 80: 5.0})
    wanted = [parse_key(EXPAND.format(width)) for width in (32, 48, 49)]
    more = filled(wanted, timings)
    assert list(more) == [EXPAND.format(48)]
    assert families({**timings, **more}) == families(timings)


def plan(device: Callable[[int], float], wanted: list[int] = WANTED) -> dict[int, float]:
    """What is measured until nothing more is asked for."""
    times: dict[int, float] = {}
    while asked := next_widths(times, wanted):
        assert set(asked) <= set(wanted) - set(times)
        times |= {width: device(width) for width in asked}
    return times


def staircase(block: int, penalty: float) -> Callable[[int], float]:
    """Whole blocks of channels are computed; off the grid of 16 it is slower."""
    return lambda width: (1 + math.ceil(width / block)) * (1 if width % 16 == 0 else penalty)


def test_a_straight_line_takes_one_width_in_32_channels() -> None:
    times = plan(lambda width: 0.1 + 0.01 * width)
    assert {16, 960, 24, 952} <= set(times)
    per_class = (960 - 16) / 32
    assert len(times) <= 2 * (per_class + 3)


def test_where_it_bends_more_is_measured() -> None:
    def jump(width: int) -> float:
        return 1 + 0.001 * width + 2 * (width > 500)

    more = set(plan(jump)) - set(plan(lambda width: 1 + 0.001 * width))
    assert more
    assert all(300 < width < 700 for width in more)


@pytest.mark.parametrize("block", [8, 16, 32, 48, 64, 128])
@pytest.mark.parametrize("penalty", [1.0, 1.75])
def test_after_the_plan_a_staircase_is_predicted_within_what_is_said(block: int, penalty: float) -> None:
    device = staircase(block, penalty)
    times = plan(device)
    assert len(times) < len(WANTED)
    for width in set(WANTED) - set(times):
        found = predicted(width, times)
        assert found is not None
        assert found.uncertainty <= MISS
        assert abs(found.ms / device(width) - 1) <= 2 * MISS


@given(st.dictionaries(st.integers(1, 200), st.floats(0.01, 10), min_size=1), st.integers(1, 200))
def test_a_prediction_lies_between_its_neighbours_whatever_the_times(times: dict[int, float], width: int) -> None:
    found = predicted(width, times)
    if found is not None:
        same = [other for other in times if grid_class(other) == grid_class(width)]
        low, high = max(w for w in same if w < width), min(w for w in same if w > width)
        assert min(times[low], times[high]) * (1 - 1e-9) <= found.ms <= max(times[low], times[high]) * (1 + 1e-9)


@given(st.lists(st.integers(1, 300), min_size=1, unique=True))
def test_the_plan_ends_and_leaves_nothing_unpriced(wanted: list[int]) -> None:
    times = plan(lambda width: 1 + (width * 7919 % 13), wanted)
    assert all(width in times or predicted(width, times) is not None for width in wanted)
