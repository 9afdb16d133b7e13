"""Memory of timed runs, one for all models of the process: seeded normal noise for inputs, scratch for outputs.

A table's thousand models would else hold gigabytes.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def random_input(number: int, shape: tuple[int, ...], kind: str = "float32") -> NDArray[Any]:
    """The preset of the input of this number, float32 or uint8, not to be written to."""
    return _cut(_noise_block(number, _rounded(shape), kind), shape)


def scratch(shape: tuple[int, ...], kind: str = "float32") -> NDArray[Any]:
    """Where an output may go that nobody reads."""
    return _cut(_scratch_block(_rounded(shape), kind), shape)


def _rounded(shape: tuple[int, ...]) -> int:
    """The next power of two, so that few blocks serve all shapes."""
    return 1 << (math.prod(shape) - 1).bit_length()


def _cut(block: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    return block[: math.prod(shape)].reshape(shape)  # type: ignore[no-any-return]


@cache
def _noise_block(number: int, size: int, kind: str) -> NDArray[Any]:
    import numpy as np

    rng = np.random.default_rng(number)
    return rng.standard_normal(size, np.float32) if kind == "float32" else rng.integers(0, 256, size, np.uint8)


@cache
def _scratch_block(size: int, kind: str) -> NDArray[Any]:
    import numpy as np

    return np.empty(size, kind)
