"""The integer program against trying everything, and the correction of its scores."""

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.algorithms.library.choose import Option, choose
from nas.algorithms.library.solve import corrected

UNIT = 1e8  # of the second cost, as of multiply-adds beside milliseconds
COST = st.floats(-2, 0, width=16)
OPTIONS = st.builds(Option, st.floats(-1, 1, width=16), st.tuples(COST, COST.map(lambda cost: UNIT * cost)))
PLACES = st.lists(st.lists(OPTIONS, min_size=1, max_size=3), min_size=1, max_size=4)


def brute(
    places: list[list[Option]], limits: tuple[float, float], others: list[tuple[int, ...]], apart: int
) -> float | None:
    """The least sum of losses of all choices within both limits that differ from the others enough."""
    sums = [
        sum(places[place][n].loss for place, n in enumerate(picks))
        for picks in itertools.product(*(range(len(options)) for options in places))
        if all(sum(places[place][n].costs[k] for place, n in enumerate(picks)) <= limits[k] for k in (0, 1))
        and all(sum(a != b for a, b in zip(picks, other, strict=True)) >= apart for other in others)
    ]
    return min(sums, default=None)


@settings(max_examples=60, deadline=None)
@given(PLACES, st.tuples(st.floats(-6, 0.5), st.floats(-6, 0.5).map(lambda limit: UNIT * limit)), st.integers(1, 2))
def test_the_choice_is_as_good_as_the_best_of_all(
    places: list[list[Option]], limits: tuple[float, float], apart: int
) -> None:
    others: list[tuple[int, ...]] = []
    for _ in range(3):
        found = choose(places, limits, others, apart)
        # The solver keeps limits to a millionth.
        strict, lax = (
            brute(places, (limits[0] + slack, limits[1] + UNIT * slack), others, apart) for slack in (-1e-5, 1e-5)
        )
        if found is None:
            assert strict is None
            return
        assert lax is not None
        loss = sum(places[p][n].loss for p, n in enumerate(found))
        assert lax - 1e-5 <= loss <= (math.inf if strict is None else strict + 1e-5)
        for k, (limit, unit) in enumerate(zip(limits, (1.0, UNIT), strict=True)):
            assert sum(places[p][n].costs[k] for p, n in enumerate(found)) <= limit + 1e-5 * unit
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
