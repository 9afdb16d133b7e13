"""`Proposer`: what to evaluate next, from a linear predictor of what was evaluated before and evolution over it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nas.search import ridge
from nas.search.evolve import POPULATION, evolve
from nas.search.genome import Floats, Genes, Genome

STARTUP = 20  # random trials before the first fit
BATCH = 4  # evaluations between fits
DRAWS = 2  # from the predictor's posterior, which propose in turns with the predictor itself
_BOLDNESS = 0.3  # of the draws, in posterior standard deviations
_TRIES = 100
_REMEMBERED = 50_000

# By how much choices break the constraint; zero or less where they do not.
Excess = Callable[[Mapping[str, Any]], float]


class Proposer:
    """A function of the seed and of what was evaluated: it remembers only what it could work out again.

    The first `startup` proposals are random at any price, for what breaks the constraint teaches the predictor as much.
    Then a ridge regression on the choices is fitted, and fitted again after every `batch` evaluations.
    """

    def __init__(
        self,
        genome: Genome,
        excess: Excess,
        seed: int,
        startup: int = STARTUP,
        batch: int = BATCH,
        draws: int = DRAWS,
    ) -> None:
        self.genome, self._seed, self._startup, self._batch, self._draws = genome, seed, max(2, startup), batch, draws
        self._excess_of = excess
        self._excesses: dict[bytes, float] = {}
        self._learnt, self._plan = b"", genome.random(np.random.default_rng(0), 0)

    def propose(self, rows: Genes, values: Floats, asked: Genes, number: int) -> dict[str, Any]:
        """The choices of trial `number`: none of the rows `asked` before, as long as others are found.

        `rows` (n, decisions) were evaluated to `values` (n, more is better), in the order of their trials.
        """
        known = {row.tobytes() for row in asked}
        candidates = self._random(number)
        if len(rows) >= self._startup:
            candidates = np.concatenate([self._planned(rows, values), candidates])
        fresh = (row for row in candidates if row.tobytes() not in known)
        return self.genome.decode(next(fresh, candidates[0]))

    def _random(self, number: int) -> Genes:
        rng = np.random.default_rng([self._seed, 0, number])
        return self.genome.canonical(self.genome.random(rng, _TRIES))

    def _planned(self, rows: Genes, values: Floats) -> Genes:
        """What to evaluate after the last full batch, in order."""
        full = len(rows) - (len(rows) - self._startup) % self._batch
        learnt = rows[:full].tobytes() + values[:full].tobytes()
        if learnt != self._learnt:
            self._learnt, self._plan = learnt, self._plan_after(rows[:full], values[:full])
        return self._plan

    def _plan_after(self, rows: Genes, values: Floats) -> Genes:
        rng = np.random.default_rng([self._seed, 1, len(rows)])
        predictor = ridge.fit(self.genome.one_hot(rows) @ self.genome.features, values)
        judges = np.column_stack([predictor.weights, predictor.draw(rng, self._draws, _BOLDNESS)])
        effects = self.genome.features @ judges
        start = self.genome.canonical(self.genome.random(rng, POPULATION))
        return evolve(rng, self.genome, start, lambda genes: self.genome.one_hot(genes) @ effects, self._excess, rows)

    def _excess(self, row: Genes) -> float:
        key = row.tobytes()
        if key not in self._excesses:
            if len(self._excesses) >= _REMEMBERED:
                self._excesses.clear()
            self._excesses[key] = self._excess_of(self.genome.decode(row))
        return self._excesses[key]
