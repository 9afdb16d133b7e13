"""The bootstrap over images (Efron 1979): how far a metric would move with other images of the same kind."""

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_DRAWS = 200
_SEED = 0  # the same images for every network, so that their intervals compare


def draw_image_weights(count: int) -> _Floats:
    """Return how often each image is taken [1 + 200, count]: first each once, then as drawn with replacement."""
    picked = np.random.default_rng(_SEED).integers(0, count, (_DRAWS, count))
    places = picked + count * np.arange(_DRAWS)[:, None]
    drawn = np.bincount(places.ravel(), minlength=_DRAWS * count).reshape(_DRAWS, count)
    return np.concatenate([np.ones((1, count)), drawn])


def find_interval(values: _Floats) -> tuple[float, float]:
    """Return the 95 % interval of a metric, by its values with these weights [1 + 200]; it contains the first.

    Draws without a value (nan) are left out.

    >>> find_interval(np.array([0.5, *np.linspace(0, 1, 201)]))
    (0.025, 0.975)
    """
    known = values[1:][~np.isnan(values[1:])]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (0.0, 1.0)
    return min(float(low), float(values[0])), max(float(high), float(values[0]))
