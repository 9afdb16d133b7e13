"""`ShuffleV1` and `ShuffleV2`: the units of ShuffleNet (Zhang et al. 2018) and ShuffleNetV2 (Ma et al. 2018)."""

from typing import Annotated, Any, Self

from msgspec import Meta
from msgspec.structs import replace

from nas.design.blocks.family import BlockFamily, BlockRow, Kernel, Width, odd
from nas.design.op import Activation
from nas.design.walk import Walk

Groups = Annotated[int, Meta(ge=1, le=64)]


class ShuffleV1(BlockFamily, frozen=True):
    """Grouped pointwise, shuffle, depthwise, grouped pointwise; a sum, or with a stride a concatenation (figure 2).

    The activation is behind the sum. With a stride the branch leaves what the pooled input leaves room for.
    `grouped_first` false makes the first pointwise convolution a full one, as in stage 2.
    """

    groups: Groups
    inner: Width
    activation: Activation = "relu"
    grouped_first: bool = True

    def lower(self, walk: Walk, name: str, out: int, stride: int) -> None:
        """Ops `reduce`, `shuffle`, `depthwise`, `project`; then `add` and `act`, or `pool` and `concat`."""
        taken = walk.here
        walk.conv(f"{name}_reduce", self.inner, 1, self.activation, groups=self.groups if self.grouped_first else 1)
        if self.groups > 1:
            walk.shuffle(f"{name}_shuffle", self.groups)
        walk.depthwise(f"{name}_depthwise", 3, stride, None)
        if stride == 1:
            walk.conv(f"{name}_project", out, 1, None, groups=self.groups)
            walk.add(f"{name}_add", taken)
            walk.activate(f"{name}_act", self.activation)
            return
        walk.conv(f"{name}_project", out - taken.width, 1, self.activation, groups=self.groups)
        branch = walk.here
        walk.here = taken
        walk.average_pool(f"{name}_pool", 3, stride)
        walk.concat(f"{name}_concat", walk.here, branch)

    def refused(self, into: int, out: int, stride: int) -> str:
        """Groups divide what they split; a sum needs equal widths, a concatenation room for the input."""
        left = out if stride == 1 else out - into
        if stride == 1 and into != out:
            return f"width = {out} at stride 1, but the unit's sum comes with width {into}"
        if left < 2:
            return f"width = {out} at stride {stride}, but the pooled input alone has {into}"
        split = {"inner": self.inner, "out": left} | ({"input": into} if self.grouped_first else {})
        wrong = [f"{name} {width}" for name, width in split.items() if width % self.groups]
        return f"groups = {self.groups} do not divide {', '.join(wrong)}" if wrong else ""

    def ties(self, stride: int) -> bool:
        """Whether it ends in the sum."""
        return stride == 1

    def keeps_input(self, stride: int) -> bool:
        """What is concatenated or split into groups cannot be cut."""
        return True

    @property
    def keeps_output(self) -> bool:
        """As its input."""
        return True

    @property
    def widths(self) -> dict[str, int]:
        """The bottleneck, where it is not split into groups that a shuffle mixes."""
        return {"inner": self.inner} if self.groups == 1 else {}

    def with_width(self, part: str, width: int) -> Self:
        """Of the bottleneck."""
        return replace(self, inner=width)

    @property
    def description(self) -> str:
        """Groups and bottleneck."""
        return f"shuffle1 g{self.groups} e{self.inner}"

    @property
    def row(self) -> BlockRow:
        """`shuffle, g 3`."""
        return BlockRow(f"shuffle, g {self.groups}", self.inner, False, self.activation)


class ShuffleV2(BlockFamily, frozen=True):
    """Half of the channels pass by, half go through a branch; then they are concatenated and shuffled (figure 3).

    With a stride both halves are branches of all channels. `inner` is the width within the branch.
    """

    inner: Width
    kernel: Kernel = 3
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        """Raise ValueError for an even kernel."""
        odd(kernel=self.kernel)

    def lower(self, walk: Walk, name: str, out: int, stride: int) -> None:
        """Ops `pass` and `split`, or `side` and `side_pointwise`; the branch's three; `concat` and `shuffle`."""
        taken, half = walk.here, out // 2
        if stride == 1:
            walk.slice(f"{name}_pass", 0, half)
            other = walk.here
            walk.here = taken
            walk.slice(f"{name}_split", half, half)
        else:
            walk.depthwise(f"{name}_side", self.kernel, stride, None)
            walk.conv(f"{name}_side_pointwise", half, 1, self.activation)
            other = walk.here
            walk.here = taken
        walk.conv(f"{name}_expand", self.inner, 1, self.activation)
        walk.depthwise(f"{name}_depthwise", self.kernel, stride, None)
        walk.conv(f"{name}_project", half, 1, self.activation)
        walk.concat(f"{name}_concat", other, walk.here)
        walk.shuffle(f"{name}_shuffle", 2)

    def refused(self, into: int, out: int, stride: int) -> str:
        """Halves are of even widths, and at stride 1 of equal ones."""
        if out % 2 or out < 4:
            return f"width = {out}, but a unit that splits its channels needs an even width of at least 4"
        if stride == 1 and into != out:
            return f"width = {out} at stride 1, but the half that passes by comes of width {into}"
        return ""

    def keeps_input(self, stride: int) -> bool:
        """At stride 1, where half of it passes by."""
        return stride == 1

    @property
    def keeps_output(self) -> bool:
        """Halves of shuffled channels stay halves only as they are."""
        return True

    @property
    def widths(self) -> dict[str, int]:
        """The branch's."""
        return {"branch": self.inner}

    def with_width(self, part: str, width: int) -> Self:
        """Of the branch."""
        return replace(self, inner=width)

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
        """Kernel and branch."""
        return f"shuffle2 k{self.kernel} e{self.inner}"

    @property
    def choices(self) -> dict[str, Any]:
        """Kernel and activation."""
        return {"family": "shuffle_v2", "kernel": self.kernel, "activation": self.activation}

    @property
    def row(self) -> BlockRow:
        """`shuffle2, 3x3`."""
        return BlockRow(f"shuffle2, {self.kernel}×{self.kernel}", self.inner, False, self.activation)
