"""Edits: Architecture → Architecture, each with exactly the widths that must move together."""

from collections.abc import Iterator
from functools import reduce
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import MIN_WIDTH, Architecture
from nas.design.edits.resize import Resize
from nas.design.edits.simplify import (
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
from nas.design.graph import lower
from nas.errors import InvalidArchitecture


class CutExpansion(Struct, frozen=True, tag=True):
    """Narrow the expansion of one block (MobileNetV3 section 4.2, first kind of proposal)."""

    stage: int
    block: int

    @property
    def name(self) -> str:
        """Name of the group of channels, unique in its architecture."""
        return f"s{self.stage}b{self.block}.expansion"


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


Cut = CutExpansion | CutBottleneck | CutEnd


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


Edit = Narrow | Simplification | Resize | Together


def cuts(arch: Architecture) -> tuple[Cut, ...]:
    """Every cut of the paper that an architecture allows, expansions first."""
    expansions = [CutExpansion(s, b) for s, b, block in numbered(arch) if block.expanded is not None]
    starts = [s for s, stage in enumerate(arch.stages) if not stage.blocks[0].residual]
    stem = [CutBottleneck(-1)] if arch.stages[0].blocks[0].residual else []
    return (*expansions, *stem, *(CutBottleneck(s) for s in starts))


def end_cuts(arch: Architecture) -> tuple[CutEnd, ...]:
    """The cuts that the paper left to hand: the stem where no shortcut joins it, the head, its hidden layer."""
    stem = () if arch.stages[0].blocks[0].residual else (CutEnd("stem"),)
    hidden = () if arch.head.hidden is None else (CutEnd("hidden"),)
    return (*stem, CutEnd("head"), *hidden)


def width_of(arch: Architecture, cut: Cut) -> int:
    """The width that the cut would narrow."""
    match cut:
        case CutExpansion():
            expanded = arch.stages[cut.stage].blocks[cut.block].expanded
            assert expanded is not None
            return expanded
        case CutBottleneck():
            return arch.stages[max(cut.stage, 0)].width
        case CutEnd("stem"):
            return arch.stem.width
        case CutEnd("head"):
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
        case CutExpansion():
            block = replace(arch.stages[cut.stage].blocks[cut.block], expanded=width)
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
    return apply(arch, edit.cut, edit.width) if isinstance(edit, Narrow) else simplified(arch, edit)


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
        return f"{edit.name} {arch.resolution} to {edit.resolution} px"
    if isinstance(edit, Narrow):
        return f"{edit.name} {width_of(arch, edit.cut)} to {edit.width}"
    return told_simpler(arch, edit)


def _joined(arch: Architecture, start: int) -> Iterator[int]:
    """The stages that shortcuts join to the one at `start` (or to the stem)."""
    if start >= 0:
        yield start
    for s in range(start + 1, len(arch.stages)):
        if not arch.stages[s].blocks[0].residual:
            return
        yield s
