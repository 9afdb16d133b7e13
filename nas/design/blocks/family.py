"""`BlockFamily`: what a block of any family answers. A family overrides what it has; the rest says "there is none"."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from msgspec import Meta, Struct

from nas.design.op import Activation, divisible
from nas.design.walk import Walk

# Upper bounds keep a stranger's file from asking for more memory than any phone network needs. A convolution from one
# channel to one is both pointwise and depthwise, so no width is 1.
MIN_WIDTH = 2
Width = Annotated[int, Meta(ge=MIN_WIDTH, le=8192)]
Kernel = Annotated[int, Meta(ge=1, le=11)]
KernelChoice = Kernel | Literal["none"]
"""A decision of a space about a kernel; "none" leaves its convolution out where a family can do without."""


class BlockChoice(Struct, frozen=True):
    """What a space decided about a block, and what follows from its place: its widths, and whether they allow a sum.

    `expansion` is a ratio of the block's input, None: no expansion. A family takes what it knows and leaves the rest.
    """

    into: int
    out: int
    kernel: KernelChoice
    start: KernelChoice
    expansion: float | None
    se: bool
    activation: Activation
    residual: bool

    @property
    def expanded(self) -> int | None:
        """Channels of the expansion, in steps of 8."""
        return None if self.expansion is None else divisible(self.into * self.expansion)


class BlockRow(Struct, frozen=True):
    """A block as a row of Table 1 of MobileNetV3: its operator, inner width, squeeze-excite and activation.

    An inner width of "input" is that of the map that the block takes; None: it has none.
    """

    operator: str
    inner: int | Literal["input"] | None
    se: bool
    activation: Activation | None


def _tag(name: str) -> str:
    """`InvertedResidual` is `inverted_residual` in files."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class BlockFamily(Struct, frozen=True, forbid_unknown_fields=True, tag_field="family", tag=_tag):
    """A block: what lies between a map of one width and one of another (or the same), at a stride.

    Every field is said, never inferred from equal widths: inferred, a cut that lands on an equal width would delete a
    convolution or add a shortcut.
    """

    def lower(self, walk: Walk, name: str, out: int, stride: int) -> None:
        """Push the block's ops, named `{name}_{part}`, onto a walk; they leave a map of `out` channels."""
        raise NotImplementedError

    def refused(self, into: int, out: int, stride: int) -> str:
        """Why the block cannot stand between these widths at this stride; empty where it can."""
        return ""

    def ties(self, stride: int) -> bool:
        """Whether the input is added to the output, so that both have one set of channels."""
        return False

    def keeps_input(self, stride: int) -> bool:
        """Whether the width of what the block takes cannot be cut."""
        return False

    @property
    def keeps_output(self) -> bool:
        """Whether the width of what the block leaves cannot be cut."""
        return False

    @property
    def widths(self) -> dict[str, int]:
        """The inner widths that can be cut, by name."""
        return {}

    def with_width(self, part: str, width: int) -> Self:
        """The block with one inner width changed."""
        raise KeyError(part)

    @property
    def without_squeeze(self) -> Self | None:
        """The block without its squeeze-excite."""
        return None

    @property
    def with_relu(self) -> Self | None:
        """The block with ReLU in the place of a curved activation."""
        return None

    @property
    def with_smaller_kernel(self) -> Self | None:
        """The block with its kernel two pixels smaller: 7 to 5, 5 to 3."""
        return None

    @property
    def kernels(self) -> str:
        """The sides of its kernels that may differ, in order, like `5` or `3 5`."""
        return ""

    @property
    def description(self) -> str:
        """What the block is in few words, unique among those that may stand in one place, like `k3 e96 se`."""
        raise NotImplementedError

    @property
    def choices(self) -> dict[str, Any]:
        """What a space would have decided to make it, by the decision's kind; what it does not know is not there."""
        return {}

    @property
    def row(self) -> BlockRow:
        """The block as a row of the report's table."""
        raise NotImplementedError

    def smaller(self) -> Iterator[Self]:
        """Blocks of less work that may stand in its place (a block library's alternatives), itself not among them."""
        return iter(())

    def contains(self, other: "BlockFamily") -> bool:
        """Whether the block can do all that another of its family can."""
        return False


def odd(**kernels: int | None) -> None:
    """Raise ValueError for an even kernel."""
    for name, kernel in kernels.items():
        if kernel is not None and kernel % 2 == 0:
            raise ValueError(f"{name} = {kernel}, but a kernel is odd")


def unequal(into: int, out: int, stride: int) -> str:
    """Why a sum with the input cannot be: the stride, or another width. Empty where it can."""
    if stride != 1:
        return f"stride = {stride} with a shortcut, but a shortcut needs stride 1"
    return "" if into == out else f"width = {out} with a shortcut, but the shortcut comes with width {into}"


def kernel_of(choice: KernelChoice) -> int | None:
    """A kernel as blocks have it."""
    return None if choice == "none" else choice
