"""Memory of timed runs, one for all models of the process: seeded normal noise for inputs, scratch for outputs.

A table's thousand models would else hold gigabytes.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def noise(number: int, shape: tuple[int, ...], kind: str = "float32") -> NDArray[Any]:
    """The preset of the input of this number, float32 or uint8, not to be written to."""
    return _cut(_noise_block(number, _rounded(shape), kind), shape)


def scratch(shape: tuple[int, ...], kind: str = "float32") -> NDArray[Any]:
    """Where an output may go that nobody reads."""
    return _cut(_scratch_block(_rounded(shape), kind), shape)
