"""`Fire`: the module of SqueezeNet (Iandola et al. 2016, figure 1)."""

from typing import Self

from msgspec.structs import replace

from nas.design.blocks.family import BlockFamily, BlockRow, Width, unequal
from nas.design.op import Activation
from nas.design.walk import Walk


class Fire(BlockFamily, frozen=True):
    """Squeeze by 1x1, expand by 1x1 and by 3x3 beside each other; convolutions have biases and no norms.

    `expanded` is the width of the 1x1; the 3x3 has the rest of the output. With a stride a maximum of 3x3 comes first.
    `residual` is SqueezeNet's simple bypass.
    """

    squeezed: Width
    expanded: Width
    activation: Activation = "relu"
    residual: bool = False

    def lower(self, walk: Walk, name: str, out: int, stride: int) -> None:
        """Ops `pool`, `squeeze`, `expand1`, `expand3`, `concat` and `add`."""
        if stride != 1:
            walk.max_pool(f"{name}_pool", 3, stride, "ceil")
        shortcut = walk.here
        walk.conv(f"{name}_squeeze", self.squeezed, 1, self.activation, affine="bias")
        squeezed = walk.here
        walk.conv(f"{name}_expand1", self.expanded, 1, self.activation, affine="bias")
        pointwise = walk.here
        walk.here = squeezed
        walk.conv(f"{name}_expand3", out - self.expanded, 3, self.activation, affine="bias")
        walk.concat(f"{name}_concat", pointwise, walk.here)
        if self.residual:
            walk.add(f"{name}_add", shortcut)

    def refused(self, into: int, out: int, stride: int) -> str:
        """The 3x3 needs room; a bypass needs equal widths."""
        if out - self.expanded < 2:
            return f"width = {out} with expanded = {self.expanded}, but 2 channels at least are the 3x3's"
        return unequal(into, out, 1) if self.residual else ""

    def ties(self, stride: int) -> bool:
        """Whether there is a bypass."""
        return self.residual

    def keeps_input(self, stride: int) -> bool:
        """A bypass adds what two convolutions leave beside each other."""
        return self.residual

    @property
    def keeps_output(self) -> bool:
        """Two convolutions leave it beside each other."""
        return True

    @property
    def widths(self) -> dict[str, int]:
        """The squeeze."""
        return {"squeeze": self.squeezed}

    def with_width(self, part: str, width: int) -> Self:
        """Of the squeeze."""
        return replace(self, squeezed=width)

    @property
    def description(self) -> str:
        """Its two widths."""
        return f"fire q{self.squeezed} e{self.expanded}"

    @property
    def row(self) -> BlockRow:
        """`fire`."""
        return BlockRow("fire", self.squeezed, False, self.activation)
