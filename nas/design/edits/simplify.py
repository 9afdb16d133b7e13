"""Simplifications: changes that have no width, Architecture → Architecture.

MobileNetV3 gained more milliseconds with such changes, by hand, than in many steps of NetAdapt (section 5).
"""

from collections.abc import Iterator
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import Architecture, Block, Stage
from nas.design.edits.tail import ReduceTail, may_reduce, reduce_tail
from nas.design.op import is_curved


class DropSqueeze(Struct, frozen=True, tag=True):
    """Take the squeeze-excite out of a block."""

    stage: int
    block: int

    @property
    def name(self) -> str:
        """What is changed, unique in its architecture."""
        return f"s{self.stage}b{self.block}.se"


class UseRelu(Struct, frozen=True, tag=True):
    """ReLU in the place of a block's curved activation (h-swish, SiLU)."""

    stage: int
    block: int

    @property
    def name(self) -> str:
        """What is changed, unique in its architecture."""
        return f"s{self.stage}b{self.block}.activation"


class UseReluAtEnd(Struct, frozen=True, tag=True):
    """ReLU in the place of the curved activation of the stem or of the head."""

    end: Literal["stem", "head"]

    @property
    def name(self) -> str:
        """What is changed, unique in its architecture."""
        return f"{self.end}.activation"


class ShrinkKernel(Struct, frozen=True, tag=True):
    """A depthwise kernel two pixels smaller: 7 to 5, 5 to 3."""

    stage: int
    block: int

    @property
    def name(self) -> str:
        """What is changed, unique in its architecture."""
        return f"s{self.stage}b{self.block}.kernel"


class DropBlock(Struct, frozen=True, tag=True):
    """Take out a block around which there is a shortcut."""

    stage: int
    block: int

    @property
    def name(self) -> str:
        """What is changed, unique in its architecture."""
        return f"s{self.stage}b{self.block}"


Simplification = DropSqueeze | UseRelu | UseReluAtEnd | ShrinkKernel | DropBlock | ReduceTail


def simpler(arch: Architecture) -> tuple[Simplification, ...]:
    """Every change that has no width: squeeze-excite, activation, kernel, a block itself, a detector's tail."""
    found: list[Simplification] = []
    found += [UseReluAtEnd("stem")] if is_curved(arch.stem.activation) else []
    found += [UseReluAtEnd("head")] if is_curved(arch.head.activation) and arch.head.has_layer else []
    found += [ReduceTail()] if may_reduce(arch) else []
    for s, b, block in numbered(arch):
        found += [DropSqueeze(s, b)] if block.without_squeeze else []
        found += [UseRelu(s, b)] if block.with_relu else []
        found += [ShrinkKernel(s, b)] if block.with_smaller_kernel else []
        found += [DropBlock(s, b)] if removable(arch, s, b) else []
    return tuple(found)


def simplified(arch: Architecture, change: Simplification) -> Architecture:
    """The architecture after a change; nothing else changes."""
    if isinstance(change, ReduceTail):
        return reduce_tail(arch)
    if isinstance(change, UseReluAtEnd):
        if change.end == "stem":
            return replace(arch, stem=replace(arch.stem, activation="relu"))
        return replace(arch, head=replace(arch.head, activation="relu"))
    block = arch.stages[change.stage].blocks[change.block]
    match change:
        case DropSqueeze():
            other = block.without_squeeze
        case UseRelu():
            other = block.with_relu
        case ShrinkKernel():
            other = block.with_smaller_kernel
        case DropBlock():
            return with_blocks(arch, change.stage, change.block)
        case _:
            assert_never(change)
    assert other is not None, f"{change.name} of {block}"
    return with_blocks(arch, change.stage, change.block, other)


def removable(arch: Architecture, s: int, b: int) -> bool:
    """Whether the network stays one without a block: there is a shortcut around all of it, and another block."""
    block, stride = arch.stages[s].numbered[b]
    return stride == 1 and block.ties(stride) and not len(arch.stages) == len(arch.stages[s].blocks) == 1


def told_simpler(arch: Architecture, change: Simplification) -> str:
    """A change in words, like `s2b0.kernel 5 to 3`."""
    match change:
        case DropSqueeze():
            return f"{change.name} off"
        case UseRelu():
            row = arch.stages[change.stage].blocks[change.block].row
            return f"{change.name} {row.activation} to relu"
        case UseReluAtEnd():
            end = arch.stem if change.end == "stem" else arch.head
            return f"{change.name} {end.activation} to relu"
        case ShrinkKernel():
            block = arch.stages[change.stage].blocks[change.block]
            smaller = block.with_smaller_kernel
            assert smaller is not None
            return f"{change.name} {block.kernels} to {smaller.kernels}"
        case DropBlock():
            return f"{change.name} removed"
        case ReduceTail():
            return f"{change.name} halved"
        case _:
            assert_never(change)


def numbered(arch: Architecture) -> Iterator[tuple[int, int, Block]]:
    """Every block with the numbers of its stage and of itself."""
    for s, stage in enumerate(arch.stages):
        for b, block in enumerate(stage.blocks):
            yield s, b, block


def with_blocks(arch: Architecture, s: int, b: int, *blocks: Block) -> Architecture:
    """One block swapped for others, or for none; a stage without blocks goes too."""
    stage = arch.stages[s]
    left = (*stage.blocks[:b], *blocks, *stage.blocks[b + 1 :])
    return replace(arch, stages=swapped(arch.stages, s, *([replace(stage, blocks=left)] if left else [])))


def swapped(stages: tuple[Stage, ...], number: int, *others: Stage) -> tuple[Stage, ...]:
    """One stage swapped for others, or for none."""
    return (*stages[:number], *others, *stages[number + 1 :])
