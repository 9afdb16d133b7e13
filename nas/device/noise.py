"""Memory of timed runs, one for all models of the process: seeded normal noise for inputs, scratch for outputs.

A table's thousand models would else hold gigabytes.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def noise(number: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The preset of the input of this number, float32, not to be written to."""
    return _cut(_noise_block(number, _rounded(shape)), shape)


def scratch(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Where an output may go that nobody reads, float32."""
    return _cut(_scratch_block(_rounded(shape)), shape)


def _rounded(shape: tuple[int, ...]) -> int:
    """The next power of two, so that few blocks serve all shapes."""
    return 1 << (math.prod(shape) - 1).bit_length()


def _cut(block: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return block[: math.prod(shape)].reshape(shape)  # type: ignore[no-any-return]


@cache
def _noise_block(number: int, size: int) -> NDArray[np.float32]:
    import numpy as np

    return np.random.default_rng(number).standard_normal(size, np.float32)


@cache
def _scratch_block(size: int) -> NDArray[np.float32]:
    import numpy as np

    return np.empty(size, np.float32)
