"""Edits: Architecture → Architecture, each with exactly the widths that must move together."""

from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import MIN_WIDTH, Architecture, Stage
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


Cut = CutExpansion | CutBottleneck


def cuts(arch: Architecture) -> tuple[Cut, ...]:
    """Every cut an architecture allows, expansions first."""
    expansions = [
        CutExpansion(s, b)
        for s, stage in enumerate(arch.stages)
        for b, block in enumerate(stage.blocks)
        if block.expanded is not None
    ]
    starts = [s for s, stage in enumerate(arch.stages) if not stage.blocks[0].residual]
    stem = [CutBottleneck(-1)] if arch.stages[0].blocks[0].residual else []
    return (*expansions, *stem, *(CutBottleneck(s) for s in starts))


def width_of(arch: Architecture, cut: Cut) -> int:
    """The width that the cut would narrow."""
    match cut:
        case CutExpansion():
            expanded = arch.stages[cut.stage].blocks[cut.block].expanded
            assert expanded is not None
            return expanded
        case CutBottleneck():
            return arch.stages[max(cut.stage, 0)].width
        case _:
            assert_never(cut)


def apply(arch: Architecture, cut: Cut, width: int) -> Architecture:
    """The architecture with the cut's channels narrowed to `width`; nothing else changes."""
    if not MIN_WIDTH <= width < width_of(arch, cut):
        most = width_of(arch, cut) - 1
        raise InvalidArchitecture(f"{cut.name} = {width}: a cut leaves {MIN_WIDTH} to {most} channels.")
    match cut:
        case CutExpansion():
            return replace(arch, stages=_swap(arch.stages, cut.stage, _expanded(arch.stages[cut.stage], cut, width)))
        case CutBottleneck():
            stages = arch.stages
            for s in _joined(arch, cut.stage):
                stages = _swap(stages, s, replace(stages[s], width=width))
            stem = replace(arch.stem, width=width) if cut.stage < 0 else arch.stem
            return replace(arch, stem=stem, stages=stages)
        case _:
            assert_never(cut)


def _expanded(stage: Stage, cut: CutExpansion, width: int) -> Stage:
    blocks = list(stage.blocks)
    blocks[cut.block] = replace(blocks[cut.block], expanded=width)
    return replace(stage, blocks=tuple(blocks))


def _swap(stages: tuple[Stage, ...], number: int, stage: Stage) -> tuple[Stage, ...]:
    return (*stages[:number], stage, *stages[number + 1 :])


def _joined(arch: Architecture, start: int) -> Iterator[int]:
    """The stages that shortcuts join to the one at `start` (or to the stem)."""
    if start >= 0:
        yield start
    for s in range(start + 1, len(arch.stages)):
        if not arch.stages[s].blocks[0].residual:
            return
        yield s
