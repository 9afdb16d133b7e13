"""The integer program against trying everything, and the correction of its scores."""

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.algorithms.library.choose import Option, choose
from nas.algorithms.library.solve import corrected

OPTIONS = st.builds(Option, st.floats(-1, 1, width=16), st.floats(-2, 0, width=16))
PLACES = st.lists(st.lists(OPTIONS, min_size=1, max_size=3), min_size=1, max_size=4)


def brute(places: list[list[Option]], limit_ms: float, others: list[tuple[int, ...]], apart: int) -> float | None:
    """The least sum of losses of all choices within the limit that differ from the others enough."""
    sums = [
        sum(places[place][n].loss for place, n in enumerate(picks))
        for picks in itertools.product(*(range(len(options)) for options in places))
        if sum(places[place][n].ms for place, n in enumerate(picks)) <= limit_ms
        and all(sum(a != b for a, b in zip(picks, other, strict=True)) >= apart for other in others)
    ]
    return min(sums, default=None)


@settings(max_examples=60, deadline=None)
@given(PLACES, st.floats(-6, 0.5), st.integers(1, 2))
def test_the_choice_is_as_good_as_the_best_of_all(places: list[list[Option]], limit_ms: float, apart: int) -> None:
    others: list[tuple[int, ...]] = []
    for _ in range(3):
        found = choose(places, limit_ms, others, apart)
        # The solver keeps limits to a millionth.
        strict, lax = (brute(places, limit_ms + slack, others, apart) for slack in (-1e-5, 1e-5))
        if found is None:
            assert strict is None
            return
        assert lax is not None
        loss, ms = (sum(getattr(places[p][n], what) for p, n in enumerate(found)) for what in ("loss", "ms"))
        assert lax - 1e-5 <= loss <= (math.inf if strict is None else strict + 1e-5)
        assert ms <= limit_ms + 1e-5
        others.append(found)


def test_ratings_that_are_the_sums_correct_nothing() -> None:
    scores = np.random.default_rng(0).random((8, 5))
    np.testing.assert_allclose(corrected(scores, scores.sum(1) + 3.0), np.ones(5))


def test_a_place_that_costs_twice_what_its_scores_say_counts_more_the_more_ratings_say_so() -> None:
    scores = np.random.default_rng(0).random((200, 5))
    few, many = (corrected(scores[:n], scores[:n] @ [1, 1, 2, 1, 1]) for n in (4, 200))
    assert 1 < few[2] < many[2] < 2
    assert np.abs(many[[0, 1, 3, 4]] - 1).max() < 0.2


def test_no_score_counts_less_than_nothing() -> None:
    scores = np.random.default_rng(0).random((50, 3))
    assert corrected(scores, scores @ [1, -9, 1]).min() == 0.0
