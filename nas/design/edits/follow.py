"""Groups of channels followed over a chain of edits, through which their blocks may be renumbered."""

import itertools
from collections.abc import Sequence

from nas.design.architecture import Architecture
from nas.design.edits.edit import Cut, CutBottleneck, CutEnd, CutInner, Edit, cuts, end_cuts, width_of
from nas.design.edits.simplify import DropBlock, simplified


def followed(steps: Sequence[tuple[Architecture, Edit | None]]) -> list[tuple[str, list[int]]]:
    """Name in the first network, and width in every network, of each of its groups; 0 where its block is gone.

    A step is a network and the edit of the network before that led to it.
    """
    first = steps[0][0]
    found: list[tuple[str, list[int]]] = []
    for name, start in ((cut.name, cut) for cut in (*cuts(first), *end_cuts(first))):
        cut: Cut | None = start
        row = [width_of(first, start)]
        for (before, _), (after, edit) in itertools.pairwise(steps):
            if cut is not None and isinstance(edit, DropBlock):
                cut = _moved(cut, before, edit)
            row.append(0 if cut is None else width_of(after, cut))
        found.append((name, row))
    return found


def _moved(cut: Cut, arch: Architecture, dropped: DropBlock) -> Cut | None:
    """The same group after a block is taken out; None where it went with it."""
    emptied = len(arch.stages[dropped.stage].blocks) == 1
    match cut:
        case CutInner(dropped.stage, block, part) if not emptied:
            if block == dropped.block:
                return None
            return CutInner(cut.stage, block - (block > dropped.block), part)
        case CutInner(dropped.stage):
            return None
        case CutInner():
            return CutInner(cut.stage - (emptied and cut.stage > dropped.stage), cut.block, cut.part)
        case CutBottleneck(-1):
            # Without the stage that joined it, the stem stands alone.
            joined = simplified(arch, dropped).stages[0].tied
            return cut if joined else CutEnd("stem")
        case CutBottleneck():
            return CutBottleneck(cut.stage - (emptied and cut.stage > dropped.stage))
        case _:
            return cut
