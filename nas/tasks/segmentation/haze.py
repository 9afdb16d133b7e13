"""Haze: values between those of two classes at their edge, as JPEG and interpolation leave them in a mask."""

import numpy as np
from numpy.typing import NDArray

_LEAST = 20  # steps up or down over three pixels below which nothing is said about a mask
_MOST_SHARE = 0.3


def is_hazy(values: NDArray[np.uint8]) -> bool:
    """Tell whether edges of a mask [H, W] go up or down in several steps instead of one.

    Along a row, a pixel is on a slope if it lies strictly between its neighbours. In a mask of classes that needs a
    region one pixel wide between a lower and a higher class, which is rare; interpolated edges consist of slopes.
    """
    rows = values.astype(np.int16)
    steps = np.diff(rows, axis=1)
    slopes = int(((steps[:, 1:] * steps[:, :-1]) > 0).sum())
    return slopes >= _LEAST and slopes > _MOST_SHARE * int(np.count_nonzero(steps))
