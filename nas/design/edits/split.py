"""`SplitStages`: an edit that gives blocks that no sum joins widths of their own."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import Architecture, Stage


class SplitStages(Struct, frozen=True, tag=True):
    """Make of every block that no sum joins to the one before it a stage of its own. No op changes, only names do.

    A stage has one width; so NetAdapt may narrow each layer of MobileNetV1 alone, as its paper does (Yang et al. 2018).
    """

    @property
    def name(self) -> str:
        """What is changed, unique in its architecture."""
        return "stages"


def split_stages(arch: Architecture) -> Architecture:
    """The network with a stage for every run of blocks that share their output's channels."""
    return replace(arch, stages=tuple(part for stage in arch.stages for part in _parts(stage)))


def _parts(stage: Stage) -> Iterator[Stage]:
    """A stage cut before every block, but the first, that does not add what it takes to what it leaves."""
    starts = [0, *(b for b, (block, stride) in enumerate(stage.numbered) if b and not block.ties(stride))]
    for start, stop in zip(starts, [*starts[1:], len(stage.blocks)], strict=True):
        yield Stage(stage.width, stage.stride if start == 0 else 1, stage.blocks[start:stop])
