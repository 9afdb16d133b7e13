"""Evolution under a constraint: mutation and crossover over the choices of a search space."""

from collections.abc import Callable

import numpy as np

from nas.search.genome import Floats, Genes, Genome

POPULATION = 120
GENERATIONS = 18
_RATES = (0.04, 0.12)  # of mutation: most children stay near, some go far

# (rows, decisions) -> (rows, judges): how good each judge thinks each row.
Score = Callable[[Genes], Floats]
# A canonical row -> by how much it breaks the constraint; zero or less where it does not.
Excess = Callable[[Genes], float]


def evolve(rng: np.random.Generator, genome: Genome, start: Genes, score: Score, excess: Excess) -> Genes:
    """The last population's feasible rows, in turns the best of each judge; empty if none was found."""
    rows, over = start, np.array([max(0.0, excess(row)) for row in start])
    scores = score(rows)
    for _ in range(GENERATIONS):
        elite = _elite(scores, over, POPULATION)
        rows, over, scores = rows[elite], over[elite], scores[elite]
        children = _children(rng, genome, rows)
        marks = score(children)
        # A child that no judge would keep is not worth its price, unless constraints are what is still missing.
        worth = (marks > _bar(scores)).any(axis=1) | bool(over.any())
        children, marks = children[worth], marks[worth]
        prices = np.array([max(0.0, excess(row)) for row in children])
        rows, kept = np.unique(np.concatenate([rows, children]), axis=0, return_index=True)
        over, scores = np.concatenate([over, prices])[kept], np.concatenate([scores, marks])[kept]
    feasible = over == 0
    rows, scores = rows[feasible], scores[feasible]
    return np.asarray(rows[_elite(scores, over[feasible], len(rows) * scores.shape[1])])


def _bar(scores: Floats) -> Floats:
    """What a newcomer has to exceed to be kept, a number a judge."""
    share = -(-POPULATION // scores.shape[1])
    return np.asarray(np.sort(scores, axis=0)[-share]) if len(scores) >= share else np.full(scores.shape[1], -np.inf)


def _elite(scores: Floats, over: Floats, count: int) -> Genes:
    """Numbers of the rows that the judges name in turns, best first, up to `count` names; feasible rows come first."""
    order = np.array([np.lexsort((-column, over)) for column in scores.T])
    named = order[:, : -(-count // len(order))].T.ravel()
    _, first = np.unique(named, return_index=True)
    return np.asarray(named[np.sort(first)])


def _children(rng: np.random.Generator, genome: Genome, parents: Genes) -> Genes:
    mothers, fathers = (parents[rng.integers(0, len(parents), POPULATION)] for _ in range(2))
    children = np.where(rng.random(mothers.shape) < 0.5, mothers, fathers)
    rates = rng.choice(_RATES, (POPULATION, 1))
    return genome.canonical(np.where(rng.random(mothers.shape) < rates, genome.random(rng, POPULATION), children))
