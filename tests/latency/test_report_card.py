import random

import pytest
from scipy.stats import spearmanr  # type: ignore[import-untyped]

from nas.latency.report_card import Pair, grade, repeat_floor, spearman, upper_quantile


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
