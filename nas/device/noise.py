"""Inputs of timed runs: seeded normal noise, one memory for all models of the process."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def noise(number: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The preset of the input of this number, float32. A table's thousand models would else hold a GB."""
    size = math.prod(shape)
    # Powers of two, so that few blocks serve all shapes.
    block: Any = _block(number, 1 << (size - 1).bit_length())
    return block[:size].reshape(shape)  # type: ignore[no-any-return]


@cache
def _block(number: int, size: int) -> NDArray[np.float32]:
    import numpy as np

    return np.random.default_rng(number).standard_normal(size, np.float32)
