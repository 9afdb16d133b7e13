"""Which stages share one width, and whether it may be cut."""

from collections.abc import Iterator

from nas.design.architecture import Architecture


def joined_stages(arch: Architecture, start: int) -> Iterator[int]:
    """The stages that shortcuts join to the one at `start`, itself the first; -1 is the stem, which is no stage."""
    if start >= 0:
        yield start
    for s in range(start + 1, len(arch.stages)):
        if not arch.stages[s].tied:
            return
        yield s


def may_narrow(arch: Architecture, start: int) -> bool:
    """Whether the blocks around a run of joined stages let its width be cut."""
    joined = list(joined_stages(arch, start))
    inside = [pair for s in joined for pair in arch.stages[s].numbered]
    readers = inside if start < 0 else inside[1:]
    readers += [stage.numbered[0] for stage in arch.stages[joined[-1] + 1 : joined[-1] + 2]]
    kept = any(block.keeps_output for block, _ in inside)
    return not kept and not any(block.keeps_input(stride) for block, stride in readers)
