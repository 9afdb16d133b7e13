"""Blocks as the inverted residuals that they are."""

from nas.design.architecture import Architecture, Block, InvertedResidual


def inverted(block: Block) -> InvertedResidual:
    assert isinstance(block, InvertedResidual)
    return block


def inverted_at(arch: Architecture, stage: int, block: int) -> InvertedResidual:
    return inverted(arch.stages[stage].blocks[block])
