"""Bytes for real numbers: scale * (byte - zero), as an int8 model's file says for its own ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Code = tuple[float, int]


def parse_code(text: str) -> Code:
    """The code of what a model's file says; raises ValueError where it says no code.

    >>> parse_code("0.5 128")
    (0.5, 128)
    """
    scale, zero = text.split()
    return float(scale), int(zero)


def to_bytes(array: NDArray[np.float32], code: Code) -> NDArray[np.uint8]:
    """The nearest bytes, those beyond the ends at the ends."""
    import numpy as np

    scale, zero = code
    return np.asarray((np.rint(array / np.float32(scale)) + zero).clip(0, 255), np.uint8)


def from_bytes(array: NDArray[np.uint8], code: Code) -> NDArray[np.float32]:
    """The numbers that bytes stand for."""
    import numpy as np

    scale, zero = code
    return (array.astype(np.float32) - zero) * np.float32(scale)
