"""`Genome`: the decisions of a search space as numbers, for what reckons with thousands of candidates at once."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.design.space import SearchSpace

Genes = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Genome:
    """A candidate is a row of genes, one a decision: the number of its option. What is not asked about is 0."""

    def __init__(self, space: SearchSpace) -> None:
        self.options = space.options()
        self.names = tuple(self.options)
        self.counts = np.array([len(options) for options in self.options.values()])
        self._first = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        self._numbers = [{repr(o): n for n, o in enumerate(options)} for options in self.options.values()]
        gates = space.gates()
        self._gated = np.array([self.names.index(name) for name in gates], dtype=int)
        self._depths = np.array([self.names.index(depth) for depth, _ in gates.values()], dtype=int)
        self._least = np.array([sum(n <= block for n in self.options[depth]) for depth, block in gates.values()])
        self.features = _features(self.options)

    def random(self, rng: np.random.Generator, count: int) -> Genes:
        """Rows of independent uniform choices, not canonical: what is not asked about yet has a choice as well."""
        return rng.integers(0, self.counts, (count, len(self.counts)))

    def active(self, genes: Genes) -> Bools:
        """Which decisions of each row are asked about; depths are in order, as all options are."""
        found = np.ones(genes.shape, dtype=bool)
        found[:, self._gated] = genes[:, self._depths] >= self._least
        return found

    def canonical(self, genes: Genes) -> Genes:
        """The same networks, each as its only row."""
        return np.asarray(np.where(self.active(genes), genes, 0))

    def encode(self, choices: Mapping[str, Any]) -> Genes:
        """The row of some choices; only what is not asked about may be missing."""
        row = [
            numbers[repr(choices[name])] if name in choices else 0
            for name, numbers in zip(self.names, self._numbers, strict=True)
        ]
        return np.asarray(self.canonical(np.array([row]))[0])

    def decode(self, row: Genes) -> dict[str, Any]:
        """The choices of a row, those that are not asked about included."""
        return {name: self.options[name][gene] for name, gene in zip(self.names, row, strict=True)}

    def one_hot(self, genes: Genes) -> Floats:
        """A column an option, 1 where it is chosen; none of a decision that is not asked about."""
        found = np.zeros((len(genes), int(self.counts.sum())))
        rows, decisions = np.nonzero(self.active(genes))
        found[rows, self._first[decisions] + genes[rows, decisions]] = 1
        return found


def _features(options: Mapping[str, tuple[Any, ...]]) -> Floats:
    """What each option (row) adds to each feature (column).

    An option counts under its decision's own name, its stage's and its kind's ("s1b2.kernel", "s1.kernel", "kernel"),
    each time by its value and by its place between the cheapest and the dearest. So a ridge regression expects alike
    choices to have alike effects and learns the difference where the evaluations show one.
    """
    columns: dict[tuple[str, str], int] = {}
    entries = []
    row = 0
    for name, values in options.items():
        places = np.linspace(-1, 1, len(values))
        for value, place in zip(values, places, strict=True):
            for level, weight in _levels(name).items():
                entries.append((row, columns.setdefault((level, repr(value)), len(columns)), weight))
                entries.append((row, columns.setdefault((level, "place"), len(columns)), weight * place))
            row += 1
    found = np.zeros((row, len(columns)))
    for at, column, weight in entries:
        found[at, column] = weight
    return _smallest(found)


def _levels(name: str) -> dict[str, float]:
    place, _, kind = name.rpartition(".")
    return {name: 1.0, f"{re.sub('b[0-9]+$', '', place)}.{kind}": 1.0, kind: 2.0}


def _smallest(features: Floats) -> Floats:
    """As few columns as give the same inner products between rows: a ridge regression sees nothing else."""
    values, vectors = np.linalg.eigh(features @ features.T)
    kept = values > 1e-9 * values[-1]
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))
