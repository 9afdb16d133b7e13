"""Ridge regression in closed form, its strength by leave-one-out, with draws from its posterior."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
STRENGTHS = np.logspace(-2, 3, 21)


@dataclass(frozen=True)
class Ridge:
    """A linear predictor: `weights` of the features and the `error` (root mean square) that leave-one-out found.

    `spread` maps standard normal numbers to differences of weights: the Bayesian posterior of a ridge regression
    (Bishop 2006, section 3.3.1), its noise the leave-one-out error, in the directions that the data tell about.
    """

    weights: _Floats
    centre: _Floats
    mean: float
    strength: float
    error: float
    spread: _Floats

    def predict(self, features: _Floats) -> _Floats:
        """One prediction a row."""
        return np.asarray(self.mean + (features - self.centre) @ self.weights)

    def draw(self, rng: np.random.Generator, count: int, scale: float) -> _Floats:
        """Columns of weights drawn from the posterior, `scale` times as far from the mean."""
        normal = rng.standard_normal((self.spread.shape[1], count))
        return np.asarray(self.weights[:, None] + scale * self.spread @ normal)


def fit(features: _Floats, values: _Floats) -> Ridge:
    """The ridge regression with a free intercept whose leave-one-out error is least; needs two rows or more.

    With Z = U S Vᵀ centred, the hat matrix is 1/n + U S² / (S² + strength) Uᵀ, and a left-out residual is the
    residual over 1 - its diagonal.
    """
    centre, mean = features.mean(axis=0), float(values.mean())
    square, vectors = np.linalg.eigh((features - centre).T @ (features - centre))
    kept = square > 1e-9 * max(square[-1], 1e-9)
    square, vectors = square[kept], vectors[:, kept]
    left = (features - centre) @ vectors / np.sqrt(square)
    onto, residual = left.T @ (values - mean), np.empty((len(STRENGTHS), len(values)))
    for n, strength in enumerate(STRENGTHS):
        shrunk = square / (square + strength)
        hat = 1 / len(values) + left**2 @ shrunk
        residual[n] = (values - mean - left @ (shrunk * onto)) / np.maximum(1 - hat, 1e-9)
    errors = np.sqrt((residual**2).mean(axis=1))
    best = int(errors.argmin())
    strength, error = float(STRENGTHS[best]), float(errors[best])
    weights = vectors @ (np.sqrt(square) * onto / (square + strength))
    return Ridge(weights, centre, mean, strength, error, error * vectors / np.sqrt(square + strength))
