"""`leaves`: whether an edit leaves parts of a network alone that a person wants to keep."""

from collections.abc import Iterable, Iterator

from nas.design.architecture import Architecture
from nas.design.edits.edit import Edit, Together, changed
from nas.design.edits.resize import Resize
from nas.design.edits.simplify import DropBlock, numbered
from nas.design.edits.split import SplitStages
from nas.errors import NasError


def parts_named(arch: Architecture, names: Iterable[str]) -> frozenset[str]:
    """The parts that names mean, as blocks, `stem` and `head`: `s0b1` is a block, `s0` all blocks of a stage.

    Raises NasError for a name that the network does not have.

    >>> from nas.design.known import known
    >>> sorted(parts_named(known("mobilenet_v3_small"), ["stem", "s1"]))
    ['s1b0', 's1b1', 'stem']
    """
    places = [f"s{s}b{b}" for s, b, _ in numbered(arch)]
    known = ["stem", *dict.fromkeys(_stage(place) for place in places), *places, "head"]
    for name in names:
        if name not in known:
            raise NasError(f"--keep {name}: the network has no such part. It has {', '.join(known)}.")
    blocks = {place for place in places for name in names if name in (place, _stage(place))}
    return frozenset(blocks | ({"stem", "head"} & set(names)))


def leaves(arch: Architecture, edit: Edit, keep: Iterable[str]) -> bool:
    """Whether no op of the parts to `keep` changes, nor the name of one of their blocks; resolutions are no op's."""
    kept = parts_named(arch, keep)
    if not kept or isinstance(edit, Resize):
        return True
    if isinstance(edit, SplitStages):
        return False
    if isinstance(edit, DropBlock):
        return may_drop(arch, edit.stage, kept)
    edits = edit.edits if isinstance(edit, Together) else (edit,)
    return not kept & {owner for one in edits for owner in _owners(changed(arch, one))}


def may_drop(arch: Architecture, stage: int, kept: frozenset[str]) -> bool:
    """Whether a block of this stage may go where others are kept: those behind it in the stage are counted anew."""
    alone = len(arch.stages[stage].blocks) == 1
    return not kept or not (alone or any(_stage(part) == f"s{stage}" for part in kept))


def _owners(ops: Iterable[str]) -> Iterator[str]:
    return (op.partition("_")[0] for op in ops)


def _stage(place: str) -> str:
    return place.partition("b")[0]
