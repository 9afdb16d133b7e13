"""`Universal`: the universal inverted bottleneck of MobileNetV4 (Qin et al. 2024, section 3, figure 4)."""

from collections.abc import Iterator
from typing import Any, Self

from msgspec.structs import replace

from nas.design.blocks.family import BlockFamily, BlockRow, Kernel, Width, odd, unequal
from nas.design.op import Activation, is_curved
from nas.design.walk import Walk


class Universal(BlockFamily, frozen=True):
    """An optional depthwise before the expansion and an optional one inside; kernels None: there is none.

    Inside only it is an inverted residual, before only ConvNeXt's block, neither a feed-forward network, both "extra
    depthwise". `fused` makes one full convolution of the expansion and the depthwise inside (for early stages).
    """

    start: Kernel | None
    expanded: Width
    middle: Kernel | None
    activation: Activation
    residual: bool
    fused: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for an even kernel, or for a fused form without one."""
        odd(start=self.start, middle=self.middle)
        if self.fused and (self.start is not None or self.middle is None):
            raise ValueError("fused = true, but the fused form has a kernel inside (middle) and none before (start)")

    def lower(self, walk: Walk, name: str, out: int, stride: int) -> None:
        """Ops `start`, `expand`, `middle`, `project` and `add`; the fused form has no `middle`."""
        shortcut = walk.here
        if self.start is not None:
            walk.depthwise(f"{name}_start", self.start, 1 if self.middle else stride, None)
        if self.fused and self.middle is not None:
            walk.conv(f"{name}_expand", self.expanded, self.middle, self.activation, stride)
        else:
            walk.conv(f"{name}_expand", self.expanded, 1, self.activation)
            if self.middle is not None:
                walk.depthwise(f"{name}_middle", self.middle, stride, self.activation)
        walk.conv(f"{name}_project", out, 1, None)
        if self.residual:
            walk.add(f"{name}_add", shortcut)

    def refused(self, into: int, out: int, stride: int) -> str:
        """A shortcut needs equal widths and stride 1; a stride needs a kernel."""
        if stride != 1 and self.start is None and self.middle is None:
            return f"stride = {stride} with start and middle null, but a stride needs a depthwise convolution"
        return unequal(into, out, stride) if self.residual else ""

    def ties(self, stride: int) -> bool:
        """Whether there is one."""
        return self.residual

    @property
    def widths(self) -> dict[str, int]:
        """The expansion."""
        return {"expansion": self.expanded}

    def with_width(self, part: str, width: int) -> Self:
        """Of the expansion."""
        return replace(self, expanded=width)

    @property
    def with_relu(self) -> Self | None:
        """Where the activation is curved."""
        return replace(self, activation="relu") if is_curved(self.activation) else None

    @property
    def with_smaller_kernel(self) -> Self | None:
        """The larger of its kernels, where that is above 3."""
        start, middle = self.start or 0, self.middle or 0
        if max(start, middle) <= 3:
            return None
        return replace(self, start=start - 2) if start > middle else replace(self, middle=middle - 2)

    @property
    def kernels(self) -> str:
        """Before and inside."""
        return " ".join(str(kernel) for kernel in (self.start, self.middle) if kernel)

    @property
    def description(self) -> str:
        """Kernels in order, and the expansion between them."""
        start = "" if self.start is None else f"k{self.start} "
        middle = "" if self.middle is None else f" k{self.middle}"
        return f"{'fused ' if self.fused else ''}{start}e{self.expanded}{middle}"

    @property
    def choices(self) -> dict[str, Any]:
        """Both kernels and the activation."""
        return {
            "family": "fused" if self.fused else "universal",
            "start": self.start or "none",
            "kernel": self.middle or "none",
            "activation": self.activation,
        }

    @property
    def row(self) -> BlockRow:
        """`uib, 3x3 5x5`."""
        kernels = " ".join(f"{kernel}×{kernel}" for kernel in (self.start, self.middle) if kernel)
        kind = "fused ib" if self.fused else "uib"
        return BlockRow(f"{kind}, {kernels}" if kernels else f"{kind}, ffn", self.expanded, False, self.activation)

    def smaller(self) -> Iterator[Self]:
        """Smaller kernels, and the depthwise before the expansion left out."""
        other = self.with_smaller_kernel
        while other is not None:
            yield other
            other = other.with_smaller_kernel
        if self.start is not None and self.middle is not None:
            yield replace(self, start=None)

    def contains(self, other: BlockFamily) -> bool:
        """Another of at most its kernels and expansion."""
        return (
            isinstance(other, Universal)
            and (self.start or 0) >= (other.start or 0)
            and (self.middle or 0) >= (other.middle or 0)
            and self.expanded >= other.expanded
            and (self.activation, self.fused) == (other.activation, other.fused)
        )
