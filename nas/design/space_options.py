"""Options of the parts of a space, each list from cheap to expensive, and the stage that a chooser makes."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from nas.design.architecture import Stage, Width
from nas.design.blocks.drawn import WITHOUT_KERNEL, FamilyName, draw_block
from nas.design.blocks.family import BlockChoice, KernelChoice
from nas.design.op import Activation

Choose = Callable[[str, Sequence[Any]], Any]
"""Chooses of a decision's name and its options."""
Expansion = Annotated[float, Meta(ge=0.25, le=12)] | Literal["none"]
_Some = Meta(min_length=1, max_length=16)


class StemChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the first convolution."""

    width: Annotated[tuple[Width, ...], _Some]
    activation: Annotated[tuple[Activation, ...], _Some]


class StageChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of one stage; expansion is a ratio of the block's input.

    All blocks share what is chosen, as in MnasNet; with `per_block` each chooses its own kernels and expansion, as in
    once-for-all (Cai et al. 2020, arXiv 1908.09791). `start` is the kernel before the expansion of the family
    "universal"; a first block with a stride and no kernel at all takes the smallest that `kernel` has.
    """

    stride: Annotated[int, Meta(ge=1, le=2)]
    depth: Annotated[tuple[Annotated[int, Meta(ge=1, le=32)], ...], _Some]
    width: Annotated[tuple[Width, ...], _Some]
    kernel: Annotated[tuple[KernelChoice, ...], _Some]
    expansion: Annotated[tuple[Expansion, ...], _Some]
    se: Annotated[tuple[bool, ...], _Some]
    activation: Annotated[tuple[Activation, ...], _Some]
    per_block: bool = False
    family: Annotated[tuple[FamilyName, ...], _Some] = ("inverted_residual",)
    start: Annotated[tuple[KernelChoice, ...], _Some] = ("none",)

    def __post_init__(self) -> None:
        """Raise ValueError for options that no block of a family can have."""
        if "none" in self.kernel and (other := [name for name in self.family if name not in WITHOUT_KERNEL]):
            raise ValueError(f'kernel has "none", but blocks of the family {other[0]} have a kernel')
        if all(kernel == "none" for kernel in self.kernel):
            raise ValueError('kernel has only "none", but a block with a stride needs a kernel')
        for kernel in (*self.kernel, *self.start):
            if kernel != "none" and kernel % 2 == 0:
                raise ValueError(f"kernel {kernel} is even, but a kernel is odd")
        if "shuffle_v2" not in self.family:
            return
        if odd := [width for width in self.width if width % 2]:
            raise ValueError(f"width {odd[0]} is odd, but shuffle_v2 splits its channels: take {odd[0] + 1}")
        if self.stride == 1:
            raise ValueError("stride 1 with shuffle_v2, but its first block changes the width: take stride 2")

    def size(self) -> int:
        """How many different sets of choices there are."""
        blocks = len(self.kernel) * len(self.expansion) * len(self.start)
        bodies = sum(blocks**depth for depth in self.depth) if self.per_block else len(self.depth) * blocks
        return bodies * len(self.width) * len(self.se) * len(self.activation) * len(self.family)


class HeadChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the head."""

    width: Annotated[tuple[Width, ...], _Some]
    hidden: Annotated[tuple[Width, ...], _Some]
    activation: Annotated[tuple[Activation, ...], _Some]


def draw_stage(ask: Choose, name: str, options: StageChoice, width: int) -> Stage:
    """The stage of a chooser's answers, behind a map of `width`; its decisions are named `{name}.…`."""
    family = ask(f"{name}.family", options.family)
    depth, out = ask(f"{name}.depth", options.depth), ask(f"{name}.width", options.width)
    blocks = [f"{name}b{number}" for number in range(depth)] if options.per_block else [name]
    body = [
        (
            ask(f"{block}.kernel", options.kernel),
            ask(f"{block}.expansion", options.expansion),
            ask(f"{block}.start", options.start),
        )
        for block in blocks
    ]
    body = body if options.per_block else body * depth
    se, activation = ask(f"{name}.se", options.se), ask(f"{name}.activation", options.activation)
    if options.stride > 1 and body[0][0] == body[0][2] == "none":
        body[0] = (min(kernel for kernel in options.kernel if kernel != "none"), *body[0][1:])
    return _stage(family, options.stride, width, out, tuple(body), se, activation)


# A search draws the same few thousand stages over and over.
@lru_cache(maxsize=8192)
def _stage(
    family: FamilyName,
    stride: int,
    width: int,
    out: int,
    body: tuple[tuple[KernelChoice, Expansion, KernelChoice], ...],
    se: bool,
    activation: Activation,
) -> Stage:
    """The stage of these choices, its body kernels and an expansion for each block, behind a map of `width`."""
    blocks = []
    for number, (kernel, expansion, start) in enumerate(body):
        ratio = None if expansion == "none" else expansion
        residual = (number > 0 or stride == 1) and width == out
        choice = BlockChoice(width, out, kernel, start, ratio, se, activation, residual)
        blocks.append(draw_block(family, choice))
        width = out
    return Stage(out, stride, tuple(blocks))
