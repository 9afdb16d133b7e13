"""Haze: values between those of two classes at their edge, as JPEG and interpolation leave them in a mask."""

import numpy as np
from numpy.typing import NDArray

_LEAST = 20  # steps up or down over three pixels below which nothing is said about a mask
_MOST_SHARE = 0.3
_LEAST_VALUES = 3  # a class that is drawn as a line of one pixel between two others is one value
_RARE = 0.02


def is_hazy(values: NDArray[np.uint8]) -> bool:
    """Tell whether edges of a mask [H, W] go up or down in several steps instead of one.

    Along a row or column, a pixel is on a slope if it lies strictly between its neighbours. In a mask of classes that
    needs a region one pixel wide between a lower and a higher class, which is rare, or of one class, like a contour;
    interpolated edges consist of slopes over many values. Between three classes or fewer with the numbers 0, 1 and 2
    nothing can be told.
    """
    return _has_slopes(values) or _has_slopes(values.T)


def _has_slopes(values: NDArray[np.uint8]) -> bool:
    numbers = values.astype(np.int16)
    steps = numbers[:, 1:] - numbers[:, :-1]
    middles = values[:, 1:-1][(steps[:, 1:] * steps[:, :-1]) > 0]
    if len(middles) < _LEAST or len(middles) <= _MOST_SHARE * np.count_nonzero(steps):
        return False
    return int((np.bincount(middles) > _RARE * len(middles)).sum()) >= _LEAST_VALUES
