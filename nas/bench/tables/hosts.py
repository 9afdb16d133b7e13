"""Networks to profile for the sake of entries that only some given networks have: mixtures of these."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from msgspec.structs import replace

from nas.design.architecture import Architecture, Stage
from nas.design.graph import Graph, parts
from nas.design.walk import GraphPart
from nas.latency.prediction.entry import entries


def hosts(keys: Iterable[str], offered: Sequence[Architecture]) -> list[Architecture]:
    """Few networks that together have all those keys which any of the offered ones has.

    NetAdapt asks for a hundred networks that differ from one another in a layer each. Profiled one by one they would
    take minutes; stages and blocks of several fit into one, as long as each keeps its own surroundings.
    """
    left = set(keys)
    chosen: list[Architecture] = []
    while left:
        best = max(offered, key=lambda arch: len(keys_of(arch) & left))
        if not keys_of(best) & left:
            break
        for other in offered:
            if keys_of(other) & left - keys_of(best):
                best = _mixed(best, other, left)
        chosen.append(best)
        left -= keys_of(best)
    return chosen


def keys_of(arch: Architecture) -> frozenset[str]:
    """The keys of a network's entries."""
    return frozenset().union(*map(_part_keys, parts(arch)))


@lru_cache(maxsize=8192)
def _part_keys(part: GraphPart) -> frozenset[str]:
    return frozenset(entry.key for entry in entries(Graph(part.inputs, part.nodes)))


def _mixed(arch: Architecture, other: Architecture, left: set[str]) -> Architecture:
    """The network with those pieces of the other that give it more of the keys that are left."""
    for one in _variants(arch, other):
        if len(keys_of(one) & left) > len(keys_of(arch) & left):
            return one
    return arch


def _variants(arch: Architecture, other: Architecture) -> Iterator[Architecture]:
    """The network with all differing blocks of the other, with a differing stage of it, with its stem and head."""
    if len(arch.stages) != len(other.stages) or arch.resolution != other.resolution:
        return
    for number, (stage, theirs) in enumerate(zip(arch.stages, other.stages, strict=True)):
        if stage == theirs:
            continue
        if stage.width == theirs.width and len(stage.blocks) == len(theirs.blocks):
            yield from (_with(arch, number, found) for found in _blocks(stage, theirs))
        yield from _legal(arch, number, theirs)
    if (arch.head, arch.dense) != (other.head, other.dense):
        yield from _ended(arch, other)


def _blocks(stage: Stage, theirs: Stage) -> Iterator[Stage]:
    pairs = zip(stage.numbered, theirs.blocks, strict=True)
    for number, ((block, stride), other) in enumerate(pairs):
        if block != other and block.ties(stride) == other.ties(stride):
            yield replace(stage, blocks=(*stage.blocks[:number], other, *stage.blocks[number + 1 :]))


def _legal(arch: Architecture, number: int, stage: Stage) -> Iterator[Architecture]:
    """A stage of another width may not fit the shortcuts around it."""
    try:
        yield _with(arch, number, stage)
    except ValueError:
        return


def _ended(arch: Architecture, other: Architecture) -> Iterator[Architecture]:
    """A dense head may need maps that the network has not."""
    try:
        yield replace(arch, head=other.head, dense=other.dense)
    except ValueError:
        return


def _with(arch: Architecture, number: int, stage: Stage) -> Architecture:
    return replace(arch, stages=(*arch.stages[:number], stage, *arch.stages[number + 1 :]))
