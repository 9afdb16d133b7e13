"""The predictor and what is built on it, without Optuna: genome, ridge regression, evolution, proposals."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as TheirRidge
from sklearn.linear_model import RidgeCV

from nas.algorithms.samplers import ridge
from nas.algorithms.samplers.encoding import Floats, Genes, Genome
from nas.algorithms.samplers.evolution import evolve
from nas.algorithms.samplers.predictor import BATCHES, Proposer
from nas.design.space import load_space, space_names

DENSE = ("ssdlite_mobilenet_v3_small", "lraspp_ofa_mobilenet_v3", "raspp_universal")
SPACES = {name: load_space(name) for name in (*space_names(), *DENSE)}
GENOMES = {name: Genome(space) for name, space in SPACES.items()}
OFA = GENOMES["ofa_mobilenet_v3"]


@pytest.mark.parametrize("name", SPACES)
@given(seed=st.integers(0, 2**32 - 1))
def test_two_rows_are_one_network_only_where_they_are_equal(name: str, seed: int) -> None:
    genome, space, rng = GENOMES[name], SPACES[name], np.random.default_rng(seed)
    raw = genome.random(rng, 1)
    row = genome.canonical(raw)
    choices = genome.decode(raw[0])
    asked: dict[str, Any] = {}
    arch = space.draw(lambda name, options: asked.setdefault(name, choices[name]))
    assert (genome.encode(asked) == genome.encode(choices)).all()
    assert (genome.encode(asked) == row[0]).all()
    assert set(asked) == {n for n, active in zip(genome.names, genome.active(raw)[0], strict=True) if active}
    assert space.draw(lambda name, _: genome.decode(row[0])[name]) == arch


def test_a_choice_is_one_column_and_none_where_it_is_not_asked_about() -> None:
    choices = {name: options[0] for name, options in OFA.options.items()}  # five stages of two blocks
    row = OFA.encode(choices)
    assert OFA.one_hot(row[None]).sum() == 5 + 5 * 2 * 2
    deeper = OFA.encode({**choices, "s3.depth": 4})
    assert OFA.one_hot(deeper[None]).sum() == 5 + 5 * 2 * 2 + 2 * 2


def test_alike_choices_are_expected_to_have_alike_effects() -> None:
    """The prior covariance of two options is the inner product of their features."""
    expected = OFA.features @ OFA.features.T
    columns = {(n, o): k for k, (n, o) in enumerate((n, o) for n, options in OFA.options.items() for o in options)}

    def covariance(first: str, second: str) -> float:
        return float(expected[columns[(first, 7)], columns[(second, 7)]])

    itself, stage, space = (covariance("s1b0.kernel", f"{other}.kernel") for other in ("s1b0", "s1b1", "s3b1"))
    assert (itself, stage, space) == pytest.approx((12, 10, 8))  # two features each; weights 1, 1 and 2, squared
    assert expected[columns[("s1b0.kernel", 7)], columns[("s1b0.expansion", 6)]] == pytest.approx(0)


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(5, 60))
@settings(max_examples=25)
def test_the_ridge_is_scikit_learns(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 20)) * np.linspace(0.2, 3, 20)
    y = x @ rng.normal(size=20) + rng.normal(size=rows)
    theirs = RidgeCV(ridge.STRENGTHS, store_cv_results=True).fit(x, y)
    errors = np.sqrt(theirs.cv_results_.mean(axis=0))
    ours = ridge.fit(x, y)
    assert ours.error == pytest.approx(errors.min(), rel=1e-5)
    exact = TheirRidge(ours.strength, solver="svd").fit(x, y)
    np.testing.assert_allclose(ours.predict(x), exact.predict(x), rtol=1e-6, atol=1e-7)


def test_its_error_is_what_leaving_one_out_finds() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(15, 30)), rng.normal(size=15)
    ours, left = ridge.fit(x, y), []
    for out in range(15):
        kept = np.arange(15) != out
        left.append(y[out] - TheirRidge(ours.strength).fit(x[kept], y[kept]).predict(x[[out]])[0])
    assert ours.error == pytest.approx(np.sqrt(np.mean(np.square(left))), rel=1e-6)


def test_draws_have_the_posteriors_mean_and_covariance() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 3))
    fitted = ridge.fit(x, x @ [1.0, 2.0, 3.0] + rng.normal(size=40))
    centred = x - x.mean(axis=0)
    expected = fitted.error**2 * np.linalg.inv(centred.T @ centred + fitted.strength * np.eye(3))
    drawn = fitted.draw(rng, 40_000, 2.0)
    np.testing.assert_allclose(drawn.mean(axis=1), fitted.weights, atol=0.02)
    np.testing.assert_allclose(np.cov(drawn), 4 * expected, atol=0.1 * expected.max())


def test_a_constant_teaches_nothing_and_breaks_nothing() -> None:
    fitted = ridge.fit(np.ones((4, 3)), np.full(4, 0.5))
    assert fitted.predict(np.zeros((2, 3))) == pytest.approx([0.5, 0.5])
    assert (fitted.draw(np.random.default_rng(0), 2, 1.0) == 0).all()


NONE = np.empty((0, 45), dtype=int)


def _worth(genes: Genes) -> Floats:
    """Dearer is better, and an odd decision counts double."""
    return np.asarray((genes * (1 + np.arange(genes.shape[1]) % 2)).sum(axis=1, keepdims=True).astype(float))


def test_evolution_comes_to_the_best_that_the_constraint_allows() -> None:
    """At most twenty steps above the cheapest: the best takes them all where they count double."""
    start = OFA.canonical(OFA.random(np.random.default_rng(1), 100))
    found = evolve(np.random.default_rng(0), OFA, start, _worth, lambda row: float(row.sum()) - 20, NONE)
    assert found.sum(axis=1).max() <= 20
    worth = _worth(found)[:, 0]
    assert list(worth) == sorted(worth, reverse=True)
    assert worth[0] >= 36 > _worth(start[start.sum(axis=1) <= 20]).max()  # of 40


def test_evolution_finds_what_no_start_contains() -> None:
    """Fewer than one in a million random rows are as cheap; the constraint itself shows the way."""
    start = OFA.canonical(OFA.random(np.random.default_rng(1), 100))
    assert start.sum(axis=1).min() > 6
    found = evolve(np.random.default_rng(0), OFA, start, _worth, lambda row: float(row.sum()) - 6, NONE)
    assert len(found) > 0
    assert found.sum(axis=1).max() <= 6


def test_where_nothing_is_allowed_nothing_is_found() -> None:
    start = OFA.canonical(OFA.random(np.random.default_rng(1), 30))
    assert evolve(np.random.default_rng(0), OFA, start, _worth, lambda row: 1.0, NONE).shape == (0, 45)


def test_what_is_known_is_not_found_again_but_leads_to_better() -> None:
    def excess(row: Genes) -> float:
        return float(row.sum()) - 20

    start = OFA.canonical(OFA.random(np.random.default_rng(1), 100))
    known = evolve(np.random.default_rng(0), OFA, start, _worth, excess, NONE)
    found = evolve(np.random.default_rng(0), OFA, start, _worth, excess, known)
    assert len(found) > 40
    assert len(np.unique(np.concatenate([known, found]), axis=0)) == len(known) + len(found)
    assert _worth(found).max() >= _worth(known).max() - 2


def _search(proposer: Proposer, genome: Genome, effects: Floats, count: int) -> tuple[Genes, Floats]:
    rows, values = np.empty((0, len(genome.names)), dtype=int), np.empty(0)
    for number in range(count):
        row = genome.encode(proposer.propose(rows, values, rows, number))
        rows = np.concatenate([rows, [row]])
        values = np.append(values, genome.one_hot(row[None])[0] @ effects)
    return rows, values


@pytest.mark.parametrize("name", space_names())
def test_on_additive_effects_it_beats_random_choices(name: str) -> None:
    genome = GENOMES[name]

    def cost(choices: Any) -> float:
        return float(genome.encode(choices).sum()) - 25

    gains = []
    for seed in range(3):
        effects = np.random.default_rng(seed).normal(size=int(genome.counts.sum()))
        rows, values = _search(Proposer(genome, cost, seed, startup=15), genome, effects, 60)
        feasible = rows.sum(axis=1) <= 25
        assert feasible[15:].all()
        assert len(np.unique(rows, axis=0)) == 60
        drawn = genome.canonical(genome.random(np.random.default_rng(seed), 2000))
        drawn = drawn[drawn.sum(axis=1) <= 25][:60]
        gains.append((values[feasible].max() - (genome.one_hot(drawn) @ effects).max()) / values[:15].std())
    assert min(gains) > 0.5


def test_the_more_is_known_the_less_often_it_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    genome, fitted, inner = GENOMES["mobilenet_v3_small"], [0], ridge.fit

    def counting(features: Floats, values: Floats) -> ridge.Ridge:
        fitted.append(len(values))
        return inner(features, values)

    monkeypatch.setattr(ridge, "fit", counting)
    effects = np.random.default_rng(0).normal(size=int(genome.counts.sum()))
    _search(Proposer(genome, lambda _: 0.0, 0, features=[genome.features]), genome, effects, 100)
    assert fitted[1:] == [20, 24, 28, 32, 36, 40, 44, 48, 52, 57, 62, 68, 74, 81, 89, 97]


@given(told=st.integers(0, 40), running=st.integers(0, 12))
@settings(max_examples=15)
def test_a_new_proposer_proposes_what_the_old_one_would(told: int, running: int) -> None:
    """Nothing but the evaluations and what was asked for decides: a killed search goes on as it would have."""
    genome, rng = GENOMES["mobilenet_v3_small"], np.random.default_rng(told)
    effects = rng.normal(size=int(genome.counts.sum()))
    rows = genome.canonical(genome.random(rng, 40 + 12))
    values = genome.one_hot(rows) @ effects
    old = Proposer(genome, lambda _: 0.0, 3, startup=10)
    for before in range(max(0, told - 2 * BATCHES[0]), told):
        old.propose(rows[:before], values[:before], rows[:before], before)
    args = rows[:told], values[:told], rows[: told + running], told + running
    assert old.propose(*args) == Proposer(genome, lambda _: 0.0, 3, startup=10).propose(*args)


def test_many_that_run_at_once_are_all_different() -> None:
    genome, rng = OFA, random.Random(0)
    rows = genome.canonical(genome.random(np.random.default_rng(0), 24))
    values = np.array([rng.random() for _ in rows])
    proposer, asked = Proposer(genome, lambda _: 0.0, 0), rows
    for number in range(24, 224):
        asked = np.concatenate([asked, [genome.encode(proposer.propose(rows, values, asked, number))]])
    assert len(np.unique(asked, axis=0)) == len(asked)


def test_a_resolution_is_a_decision_without_a_place() -> None:
    genome = Genome(load_space("mobilenet_v3_small").at(96, 128))
    row = genome.encode({**genome.decode(np.zeros(len(genome.names), dtype=int)), "resolution": 128})
    assert genome.decode(row)["resolution"] == 128
    assert genome.features.shape[0] == genome.counts.sum()
