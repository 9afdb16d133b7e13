"""What made-up rounds say of a guideline."""

import random
from math import comb
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nas.design.cost import macs
from nas.design.guidelines.catalogue import make_guidelines
from nas.design.guidelines.guideline import Claim, Guideline
from nas.latency.guideline_result import (
    GuidelineResult,
    VariantTiming,
    compare_variants,
    describe_grid,
    describe_ratio,
)
from nas.latency.verdict import Ratio, Verdict, combine, compare_rounds, count_outside, judge

(ELEMENT_WISE, GRID) = make_guidelines(["element-wise", "width-grid"])


def noisy(scale: float, seed: int, count: int = 15, noise: float = 0.05) -> tuple[float, ...]:
    rng = random.Random(seed)
    return tuple(scale * (1 + noise * rng.gauss(0, 1)) for _ in range(count))


def result(guideline: Guideline, *scales: float, noise: float = 0.002) -> GuidelineResult:
    """Of variants that take so many times what the first takes, each measured with its own noise."""
    timings = [VariantTiming(3 * scale, noisy(scale, seed, noise=noise)) for seed, scale in enumerate(scales)]
    return compare_variants(guideline, timings)


def test_compare_rounds_finds_a_network_twice_as_slow_through_noise_and_drift() -> None:
    drift = [1 + 0.3 * (k % 4) for k in range(15)]
    first = [speed * one for speed, one in zip(drift, noisy(1, 1), strict=True)]
    own = [speed * one for speed, one in zip(drift, noisy(2, 2), strict=True)]
    found = compare_rounds(own, first)
    assert found.low < 2 < found.high
    assert found.high - found.low < 0.3
    assert judge("slower", found) == "holds here"


def test_compare_rounds_finds_equal_networks_too_close_to_tell() -> None:
    found = compare_rounds(noisy(1, 1), noisy(1, 2))
    assert found.low < 1 < found.high
    assert judge("slower", found) == judge("faster", found) == "too close to tell"


def test_compare_rounds_of_exact_ratios_is_the_fourth_value_from_either_end_of_fifteen() -> None:
    assert compare_rounds([float(k) for k in range(15, 0, -1)], [1.0] * 15) == Ratio(8.0, 4.0, 12.0)
    assert compare_rounds([3.0, 1.0, 2.0], [1.0] * 3) == Ratio(2.0, 1.0, 3.0)
    assert compare_rounds([5.0], [2.0]) == Ratio(2.5, 2.5, 2.5)


def test_compare_rounds_divides_by_the_work() -> None:
    assert compare_rounds([3.0] * 6, [2.0] * 6, work=1.5) == Ratio(1.0, 1.0, 1.0)


@given(st.integers(6, 200))
def test_count_outside_keeps_at_least_95_percent_and_no_wider_an_interval_than_that_needs(count: int) -> None:
    def missed(outside: int) -> float:
        """The chance that the true median lies beyond the value of this rank, on either side."""
        return 2 * sum(comb(count, below) for below in range(outside + 1)) / 2.0**count

    outside = count_outside(count)
    assert missed(outside) <= 0.05
    assert missed(outside + 1) > 0.05


def test_the_interval_covers_the_true_ratio_in_95_of_100_repetitions() -> None:
    found = [compare_rounds(noisy(1.3, 2 * seed), noisy(1, 2 * seed + 1)) for seed in range(1000)]
    assert sum(one.low <= 1.3 <= one.high for one in found) / 1000 == pytest.approx(0.96, abs=0.02)


@pytest.mark.parametrize(
    ("claim", "low", "high", "expected"),
    [
        ("slower", 1.02, 1.2, "holds here"),
        ("slower", 1.005, 1.2, "too close to tell"),
        ("slower", 0.8, 1.2, "too close to tell"),
        ("slower", 0.999, 1.001, "too close to tell"),
        ("slower", 0.8, 0.98, "does not hold here"),
        ("faster", 0.8, 0.98, "holds here"),
        ("faster", 0.8, 0.995, "too close to tell"),
        ("faster", 1.02, 1.2, "does not hold here"),
        ("no slower", 0.7, 1.02, "holds here"),
        ("no slower", 1.0, 1.2, "too close to tell"),
        ("no slower", 1.04, 1.2, "does not hold here"),
    ],
)
def test_judge_follows_the_interval(claim: Claim, low: float, high: float, expected: Verdict) -> None:
    assert judge(claim, Ratio((low + high) / 2, low, high)) == expected


@given(st.floats(0.5, 2), st.floats(0, 0.5), st.sampled_from(get_args(Claim)))
def test_judge_is_sure_only_if_the_whole_interval_is(low: float, width: float, claim: Claim) -> None:
    ratio = Ratio(low + width / 2, low, low + width)
    ends = {judge(claim, Ratio(end, end, end)) for end in (ratio.low, ratio.high)}
    assert judge(claim, ratio) == (ends.pop() if len(ends) == 1 else "too close to tell")


def test_combine_counts_what_is_too_close_only_if_all_is() -> None:
    assert combine(["too close to tell"] * 2) == combine([]) == "too close to tell"
    assert combine(["does not hold here", "too close to tell"]) == "does not hold here"
    assert combine(["holds here", "holds here"]) == "holds here"
    assert combine(["does not hold here", "holds here"]) == "holds in part"


def test_compare_variants_says_what_holds_of_each_and_of_all() -> None:
    found = result(ELEMENT_WISE, 1.0, 0.8, 1.0, 1.2)
    assert [variant.verdict for variant in found.variants] == [
        None,
        "holds here",
        "too close to tell",
        "does not hold here",
    ]
    assert found.verdict == "holds in part"
    assert [variant.ms for variant in found.variants] == pytest.approx([3.0, 2.4, 3.0, 3.6])
    assert found.variants[0].ratio == Ratio(1.0, 1.0, 1.0)
    assert [variant.macs for variant in found.variants] == [macs(one.graph) for one in ELEMENT_WISE.variants]


def test_compare_variants_tells_why_a_variant_could_not_be_run_and_judges_the_others() -> None:
    timing = VariantTiming(1.0, (1.0,) * 6)
    found = compare_variants(ELEMENT_WISE, [timing, "no such kernel", timing, timing])
    failed = found.variants[1]
    assert (failed.ms, failed.ratio, failed.verdict, failed.failure) == (None, None, None, "no such kernel")
    assert describe_ratio(failed) == "-"
    assert found.verdict == "too close to tell"


def test_compare_variants_judges_nothing_without_the_first() -> None:
    timing = VariantTiming(1.0, (1.0,) * 6)
    found = compare_variants(ELEMENT_WISE, ["no such kernel", timing, timing, timing])
    assert found.verdict is None
    assert [(variant.ms, variant.ratio) for variant in found.variants[1:]] == [(1.0, None)] * 3


@pytest.mark.parametrize("grid", [1, 2, 4, 8, 16, 32])
def test_the_grid_of_kernels_that_pad_their_widths_is_found(grid: int) -> None:
    """Time goes with the width rounded up to the grid."""
    padded = [-(-int(variant.width or 0) // grid) * grid for variant in GRID.variants]
    paid = [
        macs(variant.graph) / int(variant.width or 0) * width
        for variant, width in zip(GRID.variants, padded, strict=True)
    ]
    found = result(GRID, *(one / paid[0] for one in paid))
    # 66 channels padded to 68 cost 3 % per multiply-add, which is as near as the rule can tell.
    assert found.grid == (1 if grid <= 2 else grid)
    assert describe_grid(found) == f"Widths in steps of {found.grid} cost no more per multiply-add here."


def test_there_is_no_grid_where_the_largest_step_is_slower_or_widths_do_not_vary() -> None:
    found = result(GRID, 1.0, *[2.0] * 6)
    assert found.grid is None
    assert describe_grid(found).startswith("For no step tried")
    other = result(ELEMENT_WISE, 1.0, 1.0, 1.0, 1.0)
    assert (other.grid, describe_grid(other)) == (None, "")


def test_per_mac_divides_by_the_multiply_adds() -> None:
    work = [macs(variant.graph) / macs(GRID.variants[0].graph) for variant in GRID.variants]
    found = result(GRID, *work, noise=0.0)
    assert [one.ratio.median for one in found.variants if one.ratio] == pytest.approx([1.0] * 7)
    plain = result(replace(GRID, per_mac=False), *work, noise=0.0)
    assert [one.ratio.median for one in plain.variants if one.ratio] == pytest.approx(work)
