"""Networks of stages of equal inverted residuals.

MobileNetV2: Sandler et al. 2018 (arXiv 1801.04381), Table 2. MnasNet: Tan et al. 2018 (arXiv 1807.11626), figure 7; B1
is the network without squeeze-excite; widths of "small" are those of the published code.
EfficientNet-Lite0 to 2: Liu 2020 (tensorflow/tpu, efficientnet/lite): B0 to B2 without squeeze-excite, with ReLU6
instead of swish, stem and head as in B0.
"""

import math

from msgspec.structs import replace

from nas.design.architecture import Architecture, Head, InvertedResidual, Stage, Stem
from nas.design.op import divisible
from nas.design.size import Size

# kernel, expansion factor, output, repeats, stride, squeeze-excite
_Stack = tuple[int, int, int, int, int, bool]


def _plain(*rows: tuple[int, int, int, int, int]) -> tuple[_Stack, ...]:
    """Stacks without squeeze-excite."""
    return tuple((*row, False) for row in rows)


_V2 = _plain(
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (3, 6, 32, 3, 2),
    (3, 6, 64, 4, 2),
    (3, 6, 96, 3, 1),
    (3, 6, 160, 3, 2),
    (3, 6, 320, 1, 1),
)
_MNASNET_A1: tuple[_Stack, ...] = (
    (3, 1, 16, 1, 1, False),
    (3, 6, 24, 2, 2, False),
    (5, 3, 40, 3, 2, True),
    (3, 6, 80, 4, 2, False),
    (3, 6, 112, 2, 1, True),
    (5, 6, 160, 3, 2, True),
    (3, 6, 320, 1, 1, False),
)
_MNASNET_B1 = _plain(
    (3, 1, 16, 1, 1),
    (3, 3, 24, 3, 2),
    (5, 3, 40, 3, 2),
    (5, 6, 80, 3, 2),
    (3, 6, 96, 2, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)
_MNASNET_SMALL: tuple[_Stack, ...] = (
    (3, 1, 8, 1, 1, False),
    (3, 3, 16, 1, 2, False),
    (3, 6, 16, 2, 2, False),
    (5, 6, 32, 4, 2, True),
    (3, 6, 32, 3, 1, True),
    (5, 6, 88, 3, 2, True),
    (3, 6, 144, 1, 1, False),
)
_LITE0 = _plain(
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 3, 2),
    (5, 6, 112, 3, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)


def mobilenet_v2(width: float, resolution: Size, classes: int) -> Architecture:
    """The last width grows only above 1 (section 6.1)."""
    stem, last = Stem(divisible(32 * width), "relu6"), divisible(1280 * max(1.0, width))
    return _network(_V2, stem, last, width, resolution, classes, 1e-5)


def mnasnet_a1(width: float, resolution: Size, classes: int) -> Architecture:
    """With squeeze-excite: a quarter of a block's input, and a true sigmoid."""
    return _network(_MNASNET_A1, Stem(divisible(32 * width), "relu"), 1280, width, resolution, classes, 1e-5)


def mnasnet_b1(width: float, resolution: Size, classes: int) -> Architecture:
    """Without squeeze-excite."""
    return _network(_MNASNET_B1, Stem(divisible(32 * width), "relu"), 1280, width, resolution, classes, 1e-5)


def mnasnet_small(width: float, resolution: Size, classes: int) -> Architecture:
    """The smallest; its first and its fifth stage begin with a shortcut."""
    stem = Stem(divisible(8 * width), "relu")
    return _network(_MNASNET_SMALL, stem, 1280, width, resolution, classes, 1e-5, unscaled=8)


def efficientnet_lite(scale: float, depth: float, width: float, resolution: Size, classes: int) -> Architecture:
    """Lite0 of more width and depth."""
    return _network(_deeper(_LITE0, depth), Stem(32, "relu6"), 1280, width * scale, resolution, classes, 1e-3)


def _deeper(rows: tuple[_Stack, ...], depth: float) -> tuple[_Stack, ...]:
    """More blocks a stage, rounded up; the first and the last stage keep theirs."""
    inner = [(k, e, out, math.ceil(repeats * depth), s, se) for k, e, out, repeats, s, se in rows[1:-1]]
    return (rows[0], *inner, rows[-1])


def _network(
    rows: tuple[_Stack, ...],
    stem: Stem,
    last: int,
    width: float,
    resolution: Size,
    classes: int,
    norm_eps: float,
    unscaled: int = 32,
) -> Architecture:
    """Stages of equal blocks, all outputs scaled; the activation is the stem's, whose width was `unscaled`."""
    stages, taken = [], stem.width
    for kernel, factor, out, repeats, stride, se in rows:
        left, blocks = divisible(out * width), []
        for number in range(repeats):
            expanded = None if factor == 1 else factor * taken
            residual = number > 0 or (stride == 1 and out == unscaled)
            block = InvertedResidual(kernel, expanded, se, stem.activation, residual)
            blocks.append(block if not se else replace(block, squeezed=round(taken / 4), gate="sigmoid"))
            taken = left
        unscaled = out
        stages.append(Stage(left, stride, tuple(blocks)))
    return Architecture(resolution, stem, tuple(stages), Head(last, None, stem.activation), classes, norm_eps)
