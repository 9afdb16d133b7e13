"""Evolution under a constraint: mutation and crossover over the choices of a search space."""

from collections.abc import Callable

import numpy as np

from nas.algorithms.samplers.encoding import Floats, Genes, Genome

POPULATION = 120
GENERATIONS = 18
_RATES = (0.04, 0.12)  # of mutation: most children stay near, some go far

# (rows, decisions) -> (rows, judges): how good each judge thinks each row.
Rating = Callable[[Genes], Floats]
# A canonical row -> by how much it breaks the constraint; zero or less where it does not.
Excess = Callable[[Genes], float]


def evolve(
    rng: np.random.Generator, genome: Genome, start: Genes, score: Rating, excess: Excess, known: Genes
) -> Genes:
    """The best feasible rows met that are not `known`, in turns the best of each judge; empty if none was met.

    Known rows are parents as others are, but what is found is new, however good they are.
    """
    taken = {row.tobytes() for row in known}
    rows = np.unique(np.concatenate([start, known]), axis=0)
    over, scores = _price(rows, excess), score(rows)
    for _ in range(GENERATIONS):
        elite, new = _elite(scores, over, POPULATION), _new(rows, taken)
        children = _children(rng, genome, rows[elite])
        marks = score(children)
        # A child that no judge would keep is not worth its price, unless constraints are what is still missing.
        worth = (marks > _bar(scores[new])).any(axis=1) | bool(over[elite].any())
        kept = np.union1d(elite, new[_elite(scores[new], over[new], POPULATION)])
        children, marks = children[worth], marks[worth]
        rows, first = np.unique(np.concatenate([rows[kept], children]), axis=0, return_index=True)
        over = np.concatenate([over[kept], _price(children, excess)])[first]
        scores = np.concatenate([scores[kept], marks])[first]
    new = _new(rows, taken)
    new = new[over[new] == 0]
    return np.asarray(rows[new[_elite(scores[new], over[new], len(new) * scores.shape[1])]])


def _price(rows: Genes, excess: Excess) -> Floats:
    return np.array([max(0.0, excess(row)) for row in rows])


def _new(rows: Genes, taken: set[bytes]) -> Genes:
    """Numbers of the rows that are not taken."""
    return np.array([n for n, row in enumerate(rows) if row.tobytes() not in taken], dtype=int)


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
