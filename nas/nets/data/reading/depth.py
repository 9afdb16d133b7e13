"""One rule for all pictures of a data set that have more than 8 bits: which values become 0 and 255."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

_ABOUT_ONE = 2.0
_DEPTHS = (8, 10, 12, 16)  # bits that cameras and scanners give; they store them all in 16


class Depth(Struct, frozen=True):
    """Values from `low` to `high` become 0 to 255; `whole` if they are whole numbers from 0 with a depth in bits."""

    low: float
    high: float
    whole: bool

    def scale(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Return values as 8 bits. Whole numbers keep their highest eight, as Pillow does with 16-bit colours."""
        if self.whole:
            highest = np.clip(values, 0, int(self.high)) // ((int(self.high) + 1) // 256)
            return np.asarray(highest, dtype=np.uint8)
        width = max(self.high - self.low, float(np.finfo(np.float32).tiny))
        shares = (values.astype(np.float32) - np.float32(self.low)) / np.float32(width)
        bounded = np.clip(np.nan_to_num(shares, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
        return np.asarray(np.rint(bounded * 255), dtype=np.uint8)

    def __str__(self) -> str:
        """Return the rule as a user reads it."""
        return f"values {self.low:g} to {self.high:g} become 0 to 255"


class Extremes(Struct, frozen=True):
    """The lowest and the highest finite value of pictures, and whether all are whole numbers."""

    low: float
    high: float
    whole: bool

    def joined(self, other: "Extremes") -> "Extremes":
        """Return the extremes of both."""
        return Extremes(min(self.low, other.low), max(self.high, other.high), self.whole and other.whole)


def extremes(values: NDArray[np.generic]) -> Extremes:
    """Return the extremes of one picture; 0 and 0 if no value is finite."""
    finite = values if values.dtype.kind in "iu" else values[np.isfinite(values)]
    if not finite.size:
        return Extremes(0.0, 0.0, False)
    return Extremes(float(finite.min()), float(finite.max()), values.dtype.kind in "iu")


def choose_depth(found: Extremes, mixed: bool) -> Depth:
    """Return the rule for pictures with these extremes; `mixed` if others of the data set have 8 bits.

    Whole numbers: the smallest usual depth that holds them all, the full 16 bits beside 8-bit pictures.
    Fractions: 0 to 1, or the range of 8 or 16 bits, if that holds them all; not 0 to 255 if none is above 2, as an
    interpolation leaves of 0 to 1, since all would be black. Everything else: from lowest to highest.

    >>> choose_depth(Extremes(0, 4000, True), False).high, choose_depth(Extremes(0, 4000, True), True).high
    (4095.0, 65535.0)
    >>> choose_depth(Extremes(0.2, 0.9, False), False)
    Depth(low=0.0, high=1.0, whole=False)
    """
    depths = _DEPTHS[-1:] if mixed else _DEPTHS
    tops = [2.0**bits - 1 for bits in depths] if found.whole else [1.0, 255.0, 65535.0]
    usual = found.low >= 0 and (found.whole or not 1 < found.high <= _ABOUT_ONE)
    top = next((top for top in tops if usual and found.high <= top), None)
    return Depth(found.low, found.high, False) if top is None else Depth(0.0, top, found.whole)
