"""Alternatives of a block: others that take and leave the same maps, and networks that are put together of them."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import Architecture, Block
from nas.design.edits.keep import may_drop, parts_named
from nas.design.edits.simplify import numbered

_SHARES = (3 / 4, 1 / 2, 1 / 4, 1 / 8)  # of a block's expansion
_GRID = 8  # channels


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
        if self.instead is None:
            return f"{self.place} none"
        width = "" if self.instead.expanded is None else f" e{self.instead.expanded}"
        return f"{self.place} k{self.instead.kernel}{width}{' se' if self.instead.se else ''}"


def alternatives(arch: Architecture, keep: Iterable[str] = ()) -> tuple[tuple[Alternative, ...], ...]:
    """Every smaller block that may come in the place of each, place by place; parts to `keep` have none.

    Smaller kernels, narrower expansions, no squeeze-excite, and no block at all.
    """
    kept = parts_named(arch, keep)
    found = (tuple(_smaller(arch, s, b, block, kept)) for s, b, block in numbered(arch) if f"s{s}b{b}" not in kept)
    return tuple(group for group in found if group)


def contains(wide: Block, narrow: Block | None) -> bool:
    """Whether a block can do all that another can."""
    if narrow is None:
        return wide.residual
    return (
        wide.kernel >= narrow.kernel
        and (wide.expanded or 0) >= (narrow.expanded or 0)
        and (wide.se or not narrow.se)
        and wide.activation == narrow.activation
    )


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
    for kernel in range(block.kernel, 1, -2):
        for width in _widths(block.expanded):
            for se in dict.fromkeys((block.se, False)):
                other = replace(block, kernel=kernel, expanded=width, se=se)
                if other != block:
                    yield Alternative(s, b, other)
    alone = len(arch.stages) == len(arch.stages[s].blocks) == 1
    if block.residual and not alone and may_drop(arch, s, kept):
        yield Alternative(s, b, None)


def _widths(expanded: int | None) -> list[int | None]:
    """Shares of an expansion in steps that kernels like, the widest first."""
    if expanded is None:
        return [None]
    narrower = {max(_GRID, round(expanded * share / _GRID) * _GRID) for share in _SHARES}
    return [expanded, *sorted((width for width in narrower if width < expanded), reverse=True)]
