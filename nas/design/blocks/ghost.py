"""`Ghost`: the bottleneck of GhostNet (Han et al. 2020, "GhostNet: More Features from Cheap Operations", figure 3)."""

from typing import Self

from msgspec.structs import replace

from nas.design.blocks.family import MIN_WIDTH, BlockFamily, BlockRow, Kernel, Width, odd, unequal
from nas.design.op import Activation, is_curved
from nas.design.walk import Walk


class Ghost(BlockFamily, frozen=True):
    """Two ghost modules, to `expanded` channels and to the output, and a shortcut.

    A ghost module makes half of its channels by a 1x1 convolution and the other half from these by a depthwise 3x3.
    `kernel` is that of the shortcut's depthwise convolution and, with a stride, of the one between the modules; None
    makes the shortcut the input itself, and then there is neither. `squeezed` is the inner width of squeeze-excite,
    None a quarter of the expansion.
    """

    kernel: Kernel | None
    expanded: Width
    se: bool
    activation: Activation = "relu"
    squeezed: Width | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an even kernel, or for an expansion without two equal halves."""
        odd(kernel=self.kernel)
        if reason := _unsplit("expanded", self.expanded):
            raise ValueError(reason)

    def lower(self, walk: Walk, name: str, out: int, stride: int) -> None:
        """Ops `primary1`, `cheap1`, `concat1`, `depthwise`, `se`, the second module's, `shortcut_…` and `add`."""
        taken = walk.here
        _ghost(walk, name, 1, self.expanded, self.activation)
        if stride != 1 and self.kernel is not None:
            walk.depthwise(f"{name}_depthwise", self.kernel, stride, None)
        if self.se:
            walk.squeeze_excite(f"{name}_se", self.squeezed)
        _ghost(walk, name, 2, out, None)
        if self.kernel is None:
            walk.add(f"{name}_add", taken)
            return
        main, walk.here = walk.here, taken
        walk.depthwise(f"{name}_shortcut_depthwise", self.kernel, stride, None)
        walk.conv(f"{name}_shortcut_pointwise", out, 1, None)
        walk.add(f"{name}_add", main)

    def refused(self, into: int, out: int, stride: int) -> str:
        """Two halves need an even width; without a kernel the shortcut needs equal widths and stride 1."""
        return _unsplit("width", out) or (unequal(into, out, stride) if self.kernel is None else "")

    def ties(self, stride: int) -> bool:
        """Whether the shortcut is the input itself."""
        return self.kernel is None

    def keeps_input(self, stride: int) -> bool:
        """A shortcut without convolutions adds the input to two halves."""
        return self.kernel is None

    @property
    def keeps_output(self) -> bool:
        """Its halves can only be cut together, so not to every width."""
        return True

    @property
    def widths(self) -> dict[str, int]:
        """Half of the expansion: the 1x1 convolution's, which the cheap half follows."""
        return {"primary": self.expanded // 2}

    def with_width(self, part: str, width: int) -> Self:
        """Of both halves."""
        return replace(self, expanded=2 * width)

    @property
    def without_squeeze(self) -> Self | None:
        """The block without its squeeze-excite, if it has one."""
        return replace(self, se=False, squeezed=None) if self.se else None

    @property
    def with_relu(self) -> Self | None:
        """The block with ReLU, if its activation is curved."""
        return replace(self, activation="relu") if is_curved(self.activation) else None

    @property
    def with_smaller_kernel(self) -> Self | None:
        """The block with a smaller kernel, if it has one above 3."""
        return replace(self, kernel=self.kernel - 2) if self.kernel is not None and self.kernel > 3 else None

    @property
    def kernels(self) -> str:
        """The kernel of its strided and shortcut convolutions."""
        return "" if self.kernel is None else str(self.kernel)

    @property
    def description(self) -> str:
        """Kernel, expansion and squeeze-excite, like `ghost k3 e96 se`."""
        kernel = "" if self.kernel is None else f" k{self.kernel}"
        return f"ghost{kernel} e{self.expanded}{' se' if self.se else ''}"

    @property
    def row(self) -> BlockRow:
        """A row named `ghost` or `ghost, 3×3`."""
        kernel = "" if self.kernel is None else f", {self.kernel}×{self.kernel}"
        return BlockRow(f"ghost{kernel}", self.expanded, self.se, self.activation)


def _ghost(walk: Walk, name: str, number: int, out: int, activation: Activation | None) -> None:
    """Push a ghost module, which leaves `out` channels: the 1x1 convolution's, then the cheap ones."""
    walk.conv(f"{name}_primary{number}", out // 2, 1, activation)
    primary = walk.here
    walk.depthwise(f"{name}_cheap{number}", 3, 1, activation)
    walk.concat(f"{name}_concat{number}", primary, walk.here)


def _unsplit(field: str, width: int) -> str:
    """Return why a width has no two halves of at least MIN_WIDTH channels; empty if it has."""
    if width % 2 == 0 and width >= 2 * MIN_WIDTH:
        return ""
    return f"{field} = {width}, but a ghost module needs an even width of at least {2 * MIN_WIDTH}"
