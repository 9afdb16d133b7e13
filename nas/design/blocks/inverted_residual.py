"""`InvertedResidual`: the block of MobileNetV2 and V3, MnasNet and EfficientNet-Lite."""

from collections.abc import Iterator
from typing import Any, Self

from msgspec.structs import replace

from nas.design.blocks.family import BlockFamily, BlockRow, Kernel, Width, odd, unequal
from nas.design.op import Activation, Gate, is_curved
from nas.design.walk import Walk

_SHARES = (3 / 4, 1 / 2, 1 / 4, 1 / 8)  # of an expansion
_GRID = 8  # channels


class InvertedResidual(BlockFamily, frozen=True):
    """Expand, depthwise, squeeze-excite, project: a row of the table of MobileNetV3 (Howard et al. 2019).

    `expanded` None means there is no expansion convolution, `residual` that the input is added to the output.
    `squeezed` is the inner width of squeeze-excite, None a quarter of the expansion (V3's rule); MnasNet takes a
    quarter of the block's input, and a true sigmoid.
    """

    kernel: Kernel
    expanded: Width | None
    se: bool
    activation: Activation
    residual: bool
    squeezed: Width | None = None
    gate: Gate = "hsigmoid"

    def __post_init__(self) -> None:
        """Raise ValueError for an even kernel."""
        odd(kernel=self.kernel)

    def lower(self, walk: Walk, name: str, out: int, stride: int) -> None:
        """Ops `expand`, `depthwise`, `se`, `project` and `add`."""
        shortcut = walk.here
        if self.expanded is not None:
            walk.conv(f"{name}_expand", self.expanded, 1, self.activation)
        walk.depthwise(f"{name}_depthwise", self.kernel, stride, self.activation)
        if self.se:
            walk.squeeze_excite(f"{name}_se", self.squeezed, self.gate)
        walk.conv(f"{name}_project", out, 1, None)
        if self.residual:
            walk.add(f"{name}_add", shortcut)

    def refused(self, into: int, out: int, stride: int) -> str:
        """A shortcut needs equal widths and stride 1."""
        return unequal(into, out, stride) if self.residual else ""

    def ties(self, stride: int) -> bool:
        """Whether there is one."""
        return self.residual

    @property
    def widths(self) -> dict[str, int]:
        """The expansion."""
        return {} if self.expanded is None else {"expansion": self.expanded}

    def with_width(self, part: str, width: int) -> Self:
        """Of the expansion."""
        return replace(self, expanded=width)

    @property
    def without_squeeze(self) -> Self | None:
        """Where it has one."""
        return replace(self, se=False, squeezed=None, gate="hsigmoid") if self.se else None

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
        """Kernel, expansion, squeeze-excite."""
        width = "" if self.expanded is None else f" e{self.expanded}"
        return f"k{self.kernel}{width}{' se' if self.se else ''}"

    @property
    def choices(self) -> dict[str, Any]:
        """Kernel, squeeze-excite, activation."""
        return {"family": "inverted_residual", "kernel": self.kernel, "se": self.se, "activation": self.activation}

    @property
    def row(self) -> BlockRow:
        """`bneck, 3x3`."""
        return BlockRow(f"bneck, {self.kernel}×{self.kernel}", self.expanded or "input", self.se, self.activation)

    def smaller(self) -> Iterator[Self]:
        """Smaller kernels, narrower expansions, no squeeze-excite."""
        for kernel in range(self.kernel, 1, -2):
            for width in _narrower(self.expanded):
                for other in (self, self.without_squeeze):
                    if other is not None:
                        changed = replace(other, kernel=kernel, expanded=width)
                        yield from () if changed == self else (changed,)

    def contains(self, other: BlockFamily) -> bool:
        """Another inverted residual of at most its kernel, expansion and squeeze-excite."""
        return (
            isinstance(other, InvertedResidual)
            and self.kernel >= other.kernel
            and (self.expanded or 0) >= (other.expanded or 0)
            and (self.se or not other.se)
            and self.activation == other.activation
        )


def _narrower(expanded: int | None) -> list[int | None]:
    """An expansion and shares of it in steps that kernels like, the widest first."""
    if expanded is None:
        return [None]
    narrower = {max(_GRID, round(expanded * share / _GRID) * _GRID) for share in _SHARES}
    return [expanded, *sorted((width for width in narrower if width < expanded), reverse=True)]
