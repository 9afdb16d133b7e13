"""Ops that leave one number of every window of a map, or of all of it."""

from typing import Literal

from msgspec import Struct

from nas.design.size import Pads, Size, height_width, make_size

PoolPadding = Literal["symmetric", "none", "ceil"]


class Pool(Struct, frozen=True, tag=True):
    """The largest or the mean of every window.

    Padding "symmetric" adds kernel // 2 places on each side, which a mean counts as zeros and a maximum not at all.
    "none" takes the windows that fit, "ceil" also one that begins inside and ends outside.
    """

    kind: Literal["max", "average"]
    width: int
    kernel: Size
    stride: Size
    size: Size
    padding: PoolPadding = "symmetric"

    @property
    def pads(self) -> Pads:
        """How many places are added (above, below) the map and to its (left, right).

        >>> Pool("max", 64, 3, 2, (54, 55), "ceil").pads
        ((0, 1), (0, 0))
        """
        rows, columns = (self._pads(*axis) for axis in self._axes)
        return rows, columns

    @property
    def out_size(self) -> Size:
        """Size of the output map."""
        height, width = (self._left(*axis) for axis in self._axes)
        return make_size(height, width)

    @property
    def covers(self) -> bool:
        """Whether one window is the whole map."""
        return self.kernel == self.size and self.padding == "none"

    @property
    def _axes(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Kernel, stride and side, down and across."""
        down, across = zip(*map(height_width, (self.kernel, self.stride, self.size)), strict=True)
        return down, across

    def _pads(self, kernel: int, stride: int, side: int) -> tuple[int, int]:
        """Before the first and behind the last pixel of a side."""
        before = kernel // 2 if self.padding == "symmetric" else 0
        return before, max(0, (self._left(kernel, stride, side) - 1) * stride + kernel - side - before)

    def _left(self, kernel: int, stride: int, side: int) -> int:
        room = side - kernel + 2 * (kernel // 2) * (self.padding == "symmetric")
        return (-(-room // stride) if self.padding == "ceil" else room // stride) + 1


class GlobalPool(Struct, frozen=True, tag=True):
    """Global average pool."""

    width: int
    size: Size
