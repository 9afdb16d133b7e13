"""Xception: Chollet 2017 (arXiv 1610.02357), figure 5."""

from nas.design.architecture import Architecture, Head, Stage, Stem
from nas.design.blocks.convolutional import Convolutional
from nas.design.blocks.xception import SeparableStack
from nas.design.op import divisible
from nas.design.size import Size


def xception(width: float, resolution: Size, classes: int) -> Architecture:
    """Entry, middle and exit flow; all widths are scaled."""

    def scaled(out: int) -> int:
        return divisible(out * width)

    entry = [
        Stage(scaled(out), 2, (SeparableStack((scaled(out),), active_first=out > 128),)) for out in (128, 256, 728)
    ]
    middle = Stage(scaled(728), 1, (SeparableStack((scaled(728), scaled(728))),) * 8)
    end = SeparableStack((scaled(1536),), active_last=True, around=False)
    stages = (
        Stage(scaled(64), 1, (Convolutional(3, "relu", "none"),)),
        *entry,
        middle,
        Stage(scaled(1024), 2, (SeparableStack((scaled(728),)),)),
        Stage(scaled(2048), 1, (end,)),
    )
    stem, head = Stem(scaled(32), "relu", padding="none"), Head(None, None, "relu")
    return Architecture(resolution, stem, stages, head, classes)
