"""Edits: Architecture → Architecture, each with exactly the widths that must move together."""

from functools import reduce
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import MIN_WIDTH, Architecture
from nas.design.dense.head import DenseHead
from nas.design.dense.union import Dense
from nas.design.edits.joined import joined_stages, may_narrow
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
from nas.design.edits.tail import ReduceTail
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


class CutDense(Struct, frozen=True, tag=True):
    """Narrow a dense head within; `part` is the head's name of a width. What predicts classes and boxes is not cut."""

    part: str

    @property
    def name(self) -> str:
        """Name of the group of channels, unique in its architecture."""
        return f"dense.{self.part}"


Cut = CutInner | CutBottleneck | CutEnd | CutDense


class Narrow(Struct, frozen=True, tag=True):
    """Cut a group of channels to a width."""

    cut: Cut
    width: int

    @property
    def name(self) -> str:
        """That of the group."""
        return self.cut.name


PartialEdit = Narrow | DropSqueeze | UseRelu | UseReluAtEnd | ShrinkKernel | ReduceTail
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
    return (*inner, *(cut for cut in bottlenecks if may_narrow(arch, cut.stage)))


def end_cuts(arch: Architecture) -> tuple[CutEnd | CutDense, ...]:
    """The cuts that the paper left to hand: the stem where no shortcut joins it, and the head: also a dense one."""
    first = arch.stages[0]
    stem = () if first.tied or first.blocks[0].keeps_input(first.stride) else (CutEnd("stem"),)
    head = () if arch.head.width is None else (CutEnd("head"),)
    hidden = () if arch.head.hidden is None else (CutEnd("hidden"),)
    dense = (CutDense(part) for part in (arch.dense.widths if isinstance(arch.dense, DenseHead) else ()))
    return (*stem, *head, *hidden, *dense)


def width_of(arch: Architecture, cut: Cut) -> int:
    """The width that the cut would narrow."""
    match cut:
        case CutInner():
            return arch.stages[cut.stage].blocks[cut.block].widths[cut.part]
        case CutBottleneck():
            return arch.stages[max(cut.stage, 0)].width
        case CutDense():
            return _dense(arch).widths[cut.part]
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
            for s in joined_stages(arch, cut.stage):
                stages = swapped(stages, s, replace(stages[s], width=width))
            stem = replace(arch.stem, width=width) if cut.stage < 0 else arch.stem
            return replace(arch, stem=stem, stages=stages)
        case CutDense():
            return replace(arch, dense=_dense(arch).with_width(cut.part, width))
        case CutEnd("stem"):
            return replace(arch, stem=replace(arch.stem, width=width))
        case CutEnd("head"):
            return replace(arch, head=replace(arch.head, width=width))
        case CutEnd():
            return replace(arch, head=replace(arch.head, hidden=width))
        case _:
            assert_never(cut)


def _dense(arch: Architecture) -> Dense:
    assert isinstance(arch.dense, DenseHead), "only a network with such a head has these cuts"
    return arch.dense


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
