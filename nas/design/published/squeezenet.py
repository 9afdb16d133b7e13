"""SqueezeNet: Iandola et al. 2016 (arXiv 1602.07360), Table 1; 1.1 as its authors published it later."""

from nas.design.architecture import Architecture, Head, Stage, Stem
from nas.design.blocks.fire import Fire
from nas.design.op import divisible
from nas.design.size import Size

# Stages: stride, and of every module the squeeze; half of a stage's width is the 1x1's.
_Stages = tuple[tuple[int, int, tuple[int, ...]], ...]
_V1_0: _Stages = (
    (128, 2, (16, 16)),
    (256, 1, (32,)),
    (256, 2, (32,)),
    (384, 1, (48, 48)),
    (512, 1, (64,)),
    (512, 2, (64,)),
)
_V1_1: _Stages = ((128, 2, (16, 16)), (256, 2, (32, 32)), (384, 2, (48, 48)), (512, 1, (64, 64)))


def squeezenet_1_0(width: float, resolution: Size, classes: int) -> Architecture:
    """A stem of 7x7; the maps are halved before modules 2, 5 and 9 of the paper's count."""
    return _network(Stem(divisible(96 * width), "relu", 7, "none", "bias"), _V1_0, False, width, resolution, classes)


def squeezenet_1_0_bypass(width: float, resolution: Size, classes: int) -> Architecture:
    """With simple bypass (section 6, figure 2): around every module that leaves as many channels as it takes."""
    return _network(Stem(divisible(96 * width), "relu", 7, "none", "bias"), _V1_0, True, width, resolution, classes)


def squeezenet_1_1(width: float, resolution: Size, classes: int) -> Architecture:
    """A stem of 3x3, and the maps halved earlier."""
    return _network(Stem(divisible(64 * width), "relu", 3, "none", "bias"), _V1_1, False, width, resolution, classes)


def _network(stem: Stem, rows: _Stages, bypass: bool, width: float, resolution: Size, classes: int) -> Architecture:
    stages, taken = [], stem.width
    for out, stride, squeezes in rows:
        half, blocks = divisible(out // 2 * width), []
        for squeeze in squeezes:
            residual = bypass and taken == 2 * half
            blocks.append(Fire(divisible(squeeze * width), half, residual=residual))
            taken = 2 * half
        stages.append(Stage(2 * half, stride, tuple(blocks)))
    return Architecture(resolution, stem, tuple(stages), Head(None, None, "relu", convolutional=True), classes)
