"""`Convolutional` and `Separable`: one convolution, full or depthwise and pointwise, with norm and activation."""

from typing import Any, Self

from msgspec.structs import replace

from nas.design.blocks.family import BlockFamily, BlockRow, Kernel, odd
from nas.design.op import Activation, ConvPadding, is_curved
from nas.design.walk import Walk


class Convolutional(BlockFamily, frozen=True):
    """One full convolution; `padding` "none" makes the map smaller by its kernel."""

    kernel: Kernel
    activation: Activation
    padding: ConvPadding | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an even kernel."""
        odd(kernel=self.kernel)

    def lower(self, walk: Walk, name: str, out: int, stride: int) -> None:
        """One op, `conv`."""
        walk.conv(f"{name}_conv", out, self.kernel, self.activation, stride, padding=self.padding)

    @property
    def with_relu(self) -> Self | None:
        """Where the activation is curved."""
        return replace(self, activation="relu") if is_curved(self.activation) else None

    @property
    def description(self) -> str:
        """Its kernel."""
        return f"conv k{self.kernel}"

    @property
    def row(self) -> BlockRow:
        """`conv2d, 3x3`."""
        return BlockRow(f"conv2d, {self.kernel}×{self.kernel}", None, False, self.activation)


class Separable(BlockFamily, frozen=True):
    """A depthwise convolution and a pointwise one, each with norm and activation (MobileNetV1, Howard et al. 2017)."""

    kernel: Kernel
    activation: Activation

    def __post_init__(self) -> None:
        """Raise ValueError for an even kernel."""
        odd(kernel=self.kernel)

    def lower(self, walk: Walk, name: str, out: int, stride: int) -> None:
        """Ops `depthwise` and `pointwise`."""
        walk.depthwise(f"{name}_depthwise", self.kernel, stride, self.activation)
        walk.conv(f"{name}_pointwise", out, 1, self.activation)

    @property
    def with_relu(self) -> Self | None:
        """Where the activation is curved."""
        return replace(self, activation="relu") if is_curved(self.activation) else None

    @property
    def with_smaller_kernel(self) -> Self | None:
        """Where it is above 3."""
        return replace(self, kernel=self.kernel - 2) if self.kernel > 3 else None

    @property
    def kernels(self) -> str:
        """Of the depthwise convolution."""
        return str(self.kernel)

    @property
    def description(self) -> str:
        """Its kernel."""
        return f"separable k{self.kernel}"

    @property
    def choices(self) -> dict[str, Any]:
        """Kernel and activation."""
        return {"family": "separable", "kernel": self.kernel, "activation": self.activation}

    @property
    def row(self) -> BlockRow:
        """`dw + pw, 3x3`."""
        return BlockRow(f"dw + pw, {self.kernel}×{self.kernel}", "input", False, self.activation)
