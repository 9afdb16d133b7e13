"""`SeparableStack`: the module of Xception (Chollet 2017, figure 5)."""

from typing import Annotated, Self

from msgspec import Meta
from msgspec.structs import replace

from nas.design.blocks.family import BlockFamily, BlockRow, Width, unequal
from nas.design.op import Activation
from nas.design.walk import Walk


class SeparableStack(BlockFamily, frozen=True):
    """Separable 3x3 convolutions of these widths, the last of which is the block's output, and a way around them.

    A depthwise convolution has no norm, the pointwise one behind it has. The activation comes before every one of them,
    but not before the first where `active_first` is false, or behind every one where `active_last` is true. The way
    around is a sum with the input at stride 1, a 1x1 convolution with the stride beside a maximum of 3x3 elsewhere;
    `around` false leaves it out.
    """

    inner: Annotated[tuple[Width, ...], Meta(max_length=7)]
    activation: Activation = "relu"
    active_first: bool = True
    active_last: bool = False
    around: bool = True

    def lower(self, walk: Walk, name: str, out: int, stride: int) -> None:
        """Ops `act0`, `depthwise0`, `pointwise0`, …; then `pool`, `shortcut` and `add`."""
        taken = walk.here
        for number, width in enumerate((*self.inner, out)):
            if not self.active_last and (number or self.active_first):
                walk.activate(f"{name}_act{number}", self.activation)
            walk.depthwise(f"{name}_depthwise{number}", 3, 1, None, affine="none")
            walk.conv(f"{name}_pointwise{number}", width, 1, self.activation if self.active_last else None)
        if not self.around:
            return
        if stride == 1:
            walk.add(f"{name}_add", taken)
            return
        walk.max_pool(f"{name}_pool", 3, stride)
        main = walk.here
        walk.here = taken
        walk.conv(f"{name}_shortcut", out, 1, None, stride)
        walk.add(f"{name}_add", main)

    def refused(self, into: int, out: int, stride: int) -> str:
        """A sum with the input needs equal widths; without a way around there is no stride."""
        if not self.around:
            return "" if stride == 1 else f"stride = {stride} with around = false, but the stride is in the way around"
        return unequal(into, out, stride) if stride == 1 else ""

    def ties(self, stride: int) -> bool:
        """Whether the way around is the input itself."""
        return self.around and stride == 1

    @property
    def widths(self) -> dict[str, int]:
        """Those between its convolutions."""
        return {f"inner{number}": width for number, width in enumerate(self.inner)}

    def with_width(self, part: str, width: int) -> Self:
        """Of one place between two convolutions."""
        number = int(part.removeprefix("inner"))
        return replace(self, inner=(*self.inner[:number], width, *self.inner[number + 1 :]))

    @property
    def description(self) -> str:
        """Its widths."""
        return f"separables {'-'.join(map(str, self.inner))}"

    @property
    def row(self) -> BlockRow:
        """`3 sep. conv`."""
        return BlockRow(f"{len(self.inner) + 1} sep. conv", max(self.inner, default=None), False, self.activation)
