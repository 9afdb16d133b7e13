"""Edits: Architecture → Architecture, each with exactly the widths that must move together."""

from collections.abc import Iterator
from functools import reduce
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import MIN_WIDTH, Architecture
from nas.design.edits.resize import Resize
from nas.design.edits.simplify import (
    DropBlock,
    DropSqueeze,
    ShrinkKernel,
    Simplification,
    UseRelu,
    UseReluAtEnd,
    numbered,
    simplified,
    swapped,
    told_simpler,
    with_blocks,
)
from nas.design.edits.split import SplitStages, split_stages
from nas.design.graph import lower
from nas.design.size import describe_size
from nas.errors import InvalidArchitecture


class CutInner(Struct, frozen=True, tag=True):
    """Narrow a width within one block, mostly its expansion (MobileNetV3 section 4.2, first kind of proposal).

    `part` is the block family's name of it.
    """

    stage: int
    block: int
    part: str = "expansion"

    @property
    def name(self) -> str:
        """Name of the group of channels, unique in its architecture."""
        return f"s{self.stage}b{self.block}.{self.part}"


class CutBottleneck(Struct, frozen=True, tag=True):
    """Narrow the output width of all blocks that share it (second kind of proposal).

    `stage` is the first of a run of stages joined by shortcuts; -1 is the stem, joined to stage 0.
    """

    stage: int

    @property
    def name(self) -> str:
        """Name of the group of channels, unique in its architecture."""
        return "stem.bottleneck" if self.stage < 0 else f"s{self.stage}.bottleneck"


class CutEnd(Struct, frozen=True, tag=True):
    """Narrow the stem, the last convolution or the hidden layer, whose widths MobileNetV3 chose by hand (5.1)."""

    end: Literal["stem", "head", "hidden"]

    @property
    def name(self) -> str:
        """Name of the group of channels, unique in its architecture."""
        return f"{self.end}.width"


Cut = CutInner | CutBottleneck | CutEnd


class Narrow(Struct, frozen=True, tag=True):
    """Cut a group of channels to a width."""

    cut: Cut
    width: int

    @property
    def name(self) -> str:
        """That of the group."""
        return self.cut.name


PartialEdit = Narrow | DropSqueeze | UseRelu | UseReluAtEnd | ShrinkKernel
"""An edit that can be made together with others: it leaves the numbers of blocks as they are."""


class Together(Struct, frozen=True, tag=True):
    """Several edits at once, no two of which change the same op."""

    edits: tuple[PartialEdit, ...]

    @property
    def name(self) -> str:
        """Those of its edits."""
        return "+".join(edit.name for edit in self.edits)


Edit = Narrow | Simplification | Resize | SplitStages | Together


def cuts(arch: Architecture) -> tuple[Cut, ...]:
    """Every cut of the paper that an architecture allows, inner widths first."""
    inner = [CutInner(s, b, part) for s, b, block in numbered(arch) for part in block.widths]
    stem = [CutBottleneck(-1)] if arch.stages[0].tied else []
    bottlenecks = (*stem, *(CutBottleneck(s) for s, stage in enumerate(arch.stages) if not stage.tied))
    return (*inner, *(cut for cut in bottlenecks if _may_narrow(arch, cut.stage)))


def end_cuts(arch: Architecture) -> tuple[CutEnd, ...]:
    """The cuts that the paper left to hand: the stem where no shortcut joins it, the head, its hidden layer."""
    first = arch.stages[0]
    stem = () if first.tied or first.blocks[0].keeps_input(first.stride) else (CutEnd("stem"),)
    head = () if arch.head.width is None else (CutEnd("head"),)
    hidden = () if arch.head.hidden is None else (CutEnd("hidden"),)
    return (*stem, *head, *hidden)


def _may_narrow(arch: Architecture, start: int) -> bool:
    """Whether the blocks around a run of joined stages let its width be cut."""
    joined = list(_joined(arch, start))
    inside = [pair for s in joined for pair in arch.stages[s].numbered]
    readers = inside if start < 0 else inside[1:]
    readers += [stage.numbered[0] for stage in arch.stages[joined[-1] + 1 : joined[-1] + 2]]
    kept = any(block.keeps_output for block, _ in inside)
    return not kept and not any(block.keeps_input(stride) for block, stride in readers)


def width_of(arch: Architecture, cut: Cut) -> int:
    """The width that the cut would narrow."""
    match cut:
        case CutInner():
            return arch.stages[cut.stage].blocks[cut.block].widths[cut.part]
        case CutBottleneck():
            return arch.stages[max(cut.stage, 0)].width
        case CutEnd("stem"):
            return arch.stem.width
        case CutEnd("head"):
            assert arch.head.width is not None
            return arch.head.width
        case CutEnd():
            assert arch.head.hidden is not None
            return arch.head.hidden
        case _:
            assert_never(cut)


def apply(arch: Architecture, cut: Cut, width: int) -> Architecture:
    """The architecture with the cut's channels narrowed to `width`; nothing else changes."""
    if not MIN_WIDTH <= width < width_of(arch, cut):
        most = width_of(arch, cut) - 1
        raise InvalidArchitecture(f"{cut.name} = {width}: a cut leaves {MIN_WIDTH} to {most} channels.")
    match cut:
        case CutInner():
            block = arch.stages[cut.stage].blocks[cut.block].with_width(cut.part, width)
            return with_blocks(arch, cut.stage, cut.block, block)
        case CutBottleneck():
            stages = arch.stages
            for s in _joined(arch, cut.stage):
                stages = swapped(stages, s, replace(stages[s], width=width))
            stem = replace(arch.stem, width=width) if cut.stage < 0 else arch.stem
            return replace(arch, stem=stem, stages=stages)
        case CutEnd("stem"):
            return replace(arch, stem=replace(arch.stem, width=width))
        case CutEnd("head"):
            return replace(arch, head=replace(arch.head, width=width))
        case CutEnd():
            return replace(arch, head=replace(arch.head, hidden=width))
        case _:
            assert_never(cut)


def edited(arch: Architecture, edit: Edit) -> Architecture:
    """The architecture after an edit; nothing else changes."""
    if isinstance(edit, Together):
        return reduce(edited, edit.edits, arch)
    if isinstance(edit, Resize):
        return replace(arch, resolution=edit.resolution)
    if isinstance(edit, SplitStages):
        return split_stages(arch)
    return apply(arch, edit.cut, edit.width) if isinstance(edit, Narrow) else simplified(arch, edit)


def block_origins(arch: Architecture, edit: Edit | None) -> dict[str, str]:
    """The name that every block had before an edit, like `{"s2b1": "s2b2"}`; only those that differ."""
    if not isinstance(edit, DropBlock | SplitStages):
        return {}
    gone = (edit.stage, edit.block) if isinstance(edit, DropBlock) else None
    before = [f"s{s}b{b}" for s, b, _ in numbered(arch) if (s, b) != gone]
    after = [f"s{s}b{b}" for s, b, _ in numbered(edited(arch, edit))]
    return {new: old for new, old in zip(after, before, strict=True) if new != old}


def changed(arch: Architecture, edit: PartialEdit) -> frozenset[str]:
    """The names of all ops that an edit changes."""
    before, after = lower(arch).nodes, lower(edited(arch, edit)).nodes
    kept = {node.name: node.op for node in after}
    return frozenset(node.name for node in before if kept.get(node.name) != node.op)


def describe_edit(arch: Architecture, edit: Edit) -> str:
    """An edit in words, like `s1b0.expansion 64 to 56`."""
    if isinstance(edit, Together):
        return ", ".join(describe_edit(arch, one) for one in edit.edits)
    if isinstance(edit, Resize):
        return f"{edit.name} {describe_size(arch.resolution)} to {describe_size(edit.resolution)} px"
    if isinstance(edit, SplitStages):
        return f"{edit.name} {len(arch.stages)} to {len(split_stages(arch).stages)}"
    if isinstance(edit, Narrow):
        return f"{edit.name} {width_of(arch, edit.cut)} to {edit.width}"
    return told_simpler(arch, edit)


def _joined(arch: Architecture, start: int) -> Iterator[int]:
    """The stages that shortcuts join to the one at `start` (or to the stem)."""
    if start >= 0:
        yield start
    for s in range(start + 1, len(arch.stages)):
        if not arch.stages[s].tied:
            return
        yield s
