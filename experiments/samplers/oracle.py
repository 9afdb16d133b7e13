"""An oracle for search methods: the accuracy of any once-for-all network, fitted to the published ones.

Ridge regression on one-hot choices and gradient boosting on what it leaves, or boosting alone, so that a search which
itself uses ridge regression has no home advantage. `python oracle.py CSV` prints the cross-validated errors.
"""

import csv
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

Floats = NDArray[np.float64]
Kind = Literal["ridge+boosting", "boosting"]
KINDS: tuple[Kind, ...] = ("ridge+boosting", "boosting")
STAGES, SLOTS = 5, 4
LEVELS = (*(range(2, 5),) * STAGES, *((0, 3, 5, 7),) * STAGES * SLOTS, *((0, 3, 4, 6),) * STAGES * SLOTS)


def read(path: Path) -> tuple[Floats, list[dict[str, str]]]:
    """Rows of (depths, kernels, expansions), 45 numbers each, and the file's own rows."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    split = [[int(n) for key in ("depths", "kernels", "expansions") for n in row[key].split("-")] for row in rows]
    return np.array(split, dtype=np.float64), rows


def choices_of(row: Floats) -> dict[str, int]:
    """The choices of the space for one row; a block that is not there has choices of 0."""
    depths, kernels, expansions = np.split(row.astype(int), [STAGES, STAGES + STAGES * SLOTS])
    found = {f"s{s}.depth": int(depth) for s, depth in enumerate(depths, start=1)}
    for slot, (kernel, expansion) in enumerate(zip(kernels, expansions, strict=True)):
        block = f"s{slot // SLOTS + 1}b{slot % SLOTS}"
        found |= {f"{block}.kernel": int(kernel), f"{block}.expansion": int(expansion)}
    return found


def row_of(choices: Mapping[str, Any]) -> Floats:
    """One row of 45 numbers; choices about blocks that are not there do not count."""
    depths = [choices[f"s{s}.depth"] for s in range(1, STAGES + 1)]
    blocks = [(s, b) for s in range(1, STAGES + 1) for b in range(SLOTS)]
    parts = [[choices[f"s{s}b{b}.{part}"] if b < depths[s - 1] else 0 for s, b in blocks] for part in _PARTS]
    return np.array([*depths, *parts[0], *parts[1]], dtype=np.float64)


_PARTS = ("kernel", "expansion")


def _one_hot(rows: Floats) -> Floats:
    return np.concatenate([rows[:, [n]] == np.array(levels) for n, levels in enumerate(LEVELS)], axis=1).astype(float)


def fit(rows: Floats, accuracies: Floats, kind: Kind) -> Callable[[Floats], Floats]:
    """A function from rows to accuracies in per cent; deterministic."""
    ridge = RidgeCV(np.logspace(-2, 3, 16)).fit(_one_hot(rows), accuracies) if kind == "ridge+boosting" else None
    linear: Callable[[Floats], Floats] = lambda x: ridge.predict(_one_hot(x)) if ridge else np.zeros(len(x))  # noqa: E731
    boosting = GradientBoostingRegressor(
        n_estimators=600, learning_rate=0.05, max_depth=4, subsample=0.7, min_samples_leaf=5, random_state=0
    ).fit(rows, accuracies - linear(rows))
    return lambda x: np.asarray(linear(x) + boosting.predict(x))


def cross_validate(rows: Floats, accuracies: Floats, kind: Kind) -> tuple[float, float, float]:
    """Mean and root mean square error in points, and R², over ten folds."""
    left = np.empty_like(accuracies)
    for train, test in KFold(10, shuffle=True, random_state=0).split(rows):
        left[test] = fit(rows[train], accuracies[train], kind)(rows[test]) - accuracies[test]
    return float(np.abs(left).mean()), float(np.sqrt((left**2).mean())), float(1 - left.var() / accuracies.var())


if __name__ == "__main__":
    table, published = read(Path(sys.argv[1]))
    top1 = np.array([float(row["imagenet_top1"]) for row in published])
    for name in KINDS:
        error, rms, r2 = cross_validate(table, top1, name)
        print(f"{name}: mean error {error:.3f} points, rms {rms:.3f}, R2 {r2:.4f} ({len(top1)} networks, ten folds)")
