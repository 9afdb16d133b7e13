"""Alternatives of a block: others that take and leave the same maps, and networks that are put together of them."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import Architecture, Block
from nas.design.edits.keep import may_drop, parts_named
from nas.design.edits.simplify import numbered, removable


class Alternative(Struct, frozen=True):
    """What may stand in the place of a block: another, or nothing where there is a shortcut around it."""

    stage: int
    block: int
    instead: Block | None

    @property
    def place(self) -> str:
        """The name of the block that goes, as in the names of ops."""
        return f"s{self.stage}b{self.block}"

    @property
    def name(self) -> str:
        """The place and what comes there, unique in an architecture, like `s2b1 k3 e96`."""
        return f"{self.place} {'none' if self.instead is None else self.instead.description}"


def alternatives(arch: Architecture, keep: Iterable[str] = ()) -> tuple[tuple[Alternative, ...], ...]:
    """Every smaller block that may come in the place of each, place by place; parts to `keep` have none.

    Smaller kernels, narrower expansions, no squeeze-excite, and no block at all.
    """
    kept = parts_named(arch, keep)
    found = (tuple(_smaller(arch, s, b, block, kept)) for s, b, block in numbered(arch) if f"s{s}b{b}" not in kept)
    return tuple(group for group in found if group)


def contains(wide: Block, narrow: Block | None) -> bool:
    """Whether a block can do all that another can; around one with a shortcut there may be nothing."""
    return wide.ties(stride=1) if narrow is None else wide.contains(narrow)


def assembled(arch: Architecture, chosen: Iterable[Alternative]) -> Architecture:
    """The network with some of its blocks replaced; a stage without blocks goes too."""
    instead = {(one.stage, one.block): one.instead for one in chosen}
    stages = []
    for s, stage in enumerate(arch.stages):
        blocks = (instead.get((s, b), block) for b, block in enumerate(stage.blocks))
        left = tuple(block for block in blocks if block is not None)
        stages += [replace(stage, blocks=left)] if left else []
    return replace(arch, stages=tuple(stages))


def origins(arch: Architecture, chosen: Sequence[Alternative]) -> dict[str, str]:
    """For every block of `assembled(arch, chosen)` the one of `arch` in whose place it is, like `{"s2b1": "s2b2"}`."""
    gone = {one.place for one in chosen if one.instead is None}
    before = [f"s{s}b{b}" for s, b, _ in numbered(arch) if f"s{s}b{b}" not in gone]
    after = [f"s{s}b{b}" for s, b, _ in numbered(assembled(arch, chosen))]
    return dict(zip(after, before, strict=True))


def _smaller(arch: Architecture, s: int, b: int, block: Block, kept: frozenset[str]) -> Iterator[Alternative]:
    yield from (Alternative(s, b, other) for other in block.smaller())
    if removable(arch, s, b) and may_drop(arch, s, kept):
        yield Alternative(s, b, None)
