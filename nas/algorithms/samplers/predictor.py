"""`Proposer`: what to evaluate next, from linear predictors of what was evaluated before and evolution over them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nas.algorithms.samplers import ridge
from nas.algorithms.samplers.encoding import Floats, Genes, Genome
from nas.algorithms.samplers.evolution import POPULATION, evolve

STARTUP = 20  # random trials before the first fit
BATCHES = (4, 12)  # fewest and most evaluations between fits; in between a tenth of those that there are
DRAWS = 2  # from each predictor's posterior, which propose in turns with the predictor itself
_BOLDNESS = 0.6  # of the draws, in posterior standard deviations
_TRIES = 100
_REMEMBERED = 50_000

# By how much choices break the constraint; zero or less where they do not.
RecordExcess = Callable[[Mapping[str, Any]], float]


class Proposer:
    """A function of the seed and of what was evaluated: it remembers only what it could work out again.

    The first `startup` proposals are random at any price, for what breaks the constraint teaches the predictor as much.
    Then ridge regressions are fitted, and fitted again after a batch of evaluations: on features that expect alike
    choices to have alike effects, which learns fast, and on the choices as they are, which is right in the end.
    `features` are other matrices to map one-hot choices to features by.
    """

    def __init__(
        self,
        genome: Genome,
        excess: RecordExcess,
        seed: int,
        startup: int = STARTUP,
        batches: tuple[int, int] = BATCHES,
        draws: int = DRAWS,
        features: Sequence[Floats] | None = None,
    ) -> None:
        self.genome, self._seed, self._startup, self._draws = genome, seed, max(2, startup), draws
        self._least, self._most = batches
        self._features = features or (genome.features, np.eye(len(genome.features)))
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
        full = self._fitted_at(len(rows))
        learnt = rows[:full].tobytes() + values[:full].tobytes()
        if learnt != self._learnt:
            self._learnt, self._plan = learnt, self._plan_after(rows[:full], values[:full])
        return self._plan

    def _fitted_at(self, evaluated: int) -> int:
        """After how many evaluations the last fit was."""
        full = following = self._startup
        while following <= evaluated:
            full, following = following, following + min(max(following // 10, self._least), self._most)
        return full

    def _plan_after(self, rows: Genes, values: Floats) -> Genes:
        rng = np.random.default_rng([self._seed, 1, len(rows)])
        seen = self.genome.one_hot(rows)
        effects = np.column_stack([self._judges(rng, seen, features, values) for features in self._features])
        start = self.genome.canonical(self.genome.random(rng, POPULATION))
        return evolve(rng, self.genome, start, lambda genes: self.genome.one_hot(genes) @ effects, self._excess, rows)

    def _judges(self, rng: np.random.Generator, seen: Floats, features: Floats, values: Floats) -> Floats:
        """The effects of all options (rows) as a predictor and draws from its posterior see them (columns)."""
        predictor = ridge.fit(seen @ features, values)
        return np.asarray(features @ np.column_stack([predictor.weights, predictor.draw(rng, self._draws, _BOLDNESS)]))

    def _excess(self, row: Genes) -> float:
        key = row.tobytes()
        if key not in self._excesses:
            if len(self._excesses) >= _REMEMBERED:
                self._excesses.clear()
            self._excesses[key] = self._excess_of(self.genome.decode(row))
        return self._excesses[key]
