import random

import pytest
from scipy.stats import binomtest, spearmanr

from nas.latency.report_card import Pair, grade, repeat_floor, spearman, upper_quantile, upper_share, verdict


def test_the_card_of_four_networks_by_hand() -> None:
    pairs = [Pair(1.02, 1.0, 1.2), Pair(1.94, 2.0, 2.4), Pair(3.24, 3.0, 3.6), Pair(4.8, 4.0, 4.8)]
    card = grade(pairs, floor=0.05)
    assert card.count == 4
    assert card.mape == pytest.approx((0.02 + 0.03 + 0.08 + 0.2) / 4)
    assert card.bias == pytest.approx((0.02 - 0.03 + 0.08 + 0.2) / 4)
    assert (card.within_5, card.within_10) == (0.5, 0.75)
    assert card.worst == card.q90 == pytest.approx(0.2)
    assert card.raw_mape == pytest.approx(0.2)
    assert card.error_over_floor == pytest.approx(card.mape / 0.05)
    assert card.spearman == pytest.approx(1.0)


def test_rank_correlation_is_scipys_with_and_without_ties() -> None:
    rng = random.Random(0)
    for _ in range(20):
        a = [rng.randint(0, 9) for _ in range(15)]
        b = [x + rng.randint(0, 6) for x in a]
        assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)


def test_the_bound_on_misses_is_scipys_and_the_rule_of_three() -> None:
    for count in (10, 20, 59):
        for hits in (0, 1, 3, count):
            oracle = binomtest(hits, count, alternative="less").proportion_ci(0.95, "exact").high
            assert upper_share(hits, count) == pytest.approx(oracle, abs=1e-9)
    assert upper_share(0, 59) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert upper_share(0, 59) < 0.05 < upper_share(0, 58)


def test_the_interval_of_the_error_covers_it_as_often_as_it_says() -> None:
    rng, covered = random.Random(2), 0
    for _ in range(200):
        card = grade([Pair(1 + rng.uniform(-0.1, 0.1), 1.0, 1.0) for _ in range(30)], 0.01)
        assert card.mape_interval is not None
        low, high = card.mape_interval
        assert low < card.mape < high
        covered += low <= 0.05 <= high
    assert 0.9 <= covered / 200 <= 0.99


def pairs_off_by(*errors: float) -> list[Pair]:
    return [Pair(n * (1 + error), float(n), float(n)) for n, error in enumerate(errors, start=1)]


GOOD = pairs_off_by(*[0.01, -0.01] * 10)


@pytest.mark.parametrize(
    ("pairs", "floor", "said"),
    [
        (GOOD, 0.001, "passed"),
        (pairs_off_by(*[0.06, -0.03] * 10), 0.01, "passed"),  # 4.5 %
        (pairs_off_by(*[0.09, -0.03] * 10), 0.01, "failed: mean error 6.0% (at most 5%), error over floor 6.00"),
        (pairs_off_by(*[0.09, -0.03] * 10), 0.05, "passed"),  # 6 % where the clock repeats to 5 %
        ([*GOOD, *pairs_off_by(0.11)], 0.001, "passed"),  # one of 21
        ([*GOOD, *pairs_off_by(0.11, 0.12)], 0.001, "failed: 91% within 10 % (at least 95%), error over floor"),
        (pairs_off_by(*[0.2, -0.2] * 10), 0.2, "the clock repeats itself only to 20.0%, so that says little"),
        ([Pair(1.0, 1.0, 1.0), Pair(1.01, 1.02, 1.0), Pair(1.02, 1.01, 1.0)], 0.001, "rank correlation 0.500"),
    ],
)
def test_the_verdict_names_every_limit_that_is_missed(pairs: list[Pair], floor: float, said: str) -> None:
    found = verdict(grade(pairs, floor))
    assert said in found
    assert found.startswith("passed" if said == "passed" else "failed: ")


def test_a_clock_without_any_spread_still_gives_a_number() -> None:
    assert grade(pairs_off_by(0.1, 0.1), 0.0).error_over_floor == pytest.approx(0.1 / 1e-6)


def test_rank_correlation_with_a_constant_is_zero() -> None:
    assert spearman([1, 1, 1], [1, 2, 3]) == 0


def test_the_quantile_holds_for_a_new_draw() -> None:
    assert upper_quantile(range(1, 20), 0.9) == 18  # ceil(0.9 * 20)
    assert upper_quantile([3.0, 1.0], 0.9) == 3.0
    rng = random.Random(1)
    held = sum(rng.random() <= upper_quantile([rng.random() for _ in range(24)], 0.9) for _ in range(4000))
    assert held / 4000 >= 0.89


def test_the_floor_is_the_mean_difference_of_rounds() -> None:
    assert repeat_floor([[1.0, 1.0], [1.1, 0.9]]) == pytest.approx(0.1)
    assert repeat_floor([[1.0, 1.1, 0.9]]) == pytest.approx((0.1 / 1.05 + 0.1 / 0.95 + 0.2) / 3)
    assert repeat_floor([[1.0]]) == 0
