"""MobileNetV3: Howard et al. 2019 (arXiv 1905.02244v5), Tables 1 and 2, widths as in Table 9.

"Minimalistic" is the published variant without squeeze-excite, hard swish and 5x5 kernels.
"""

from nas.design.architecture import Architecture, Head, InvertedResidual, Stage, Stem
from nas.design.op import Activation, divisible
from nas.design.size import Size

# kernel, expansion, output, squeeze-excite, nonlinearity, stride
_Row = tuple[int, int, int, bool, Activation, int]

_LARGE: tuple[_Row, ...] = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hswish", 2),
    (3, 200, 80, False, "hswish", 1),
    (3, 184, 80, False, "hswish", 1),
    (3, 184, 80, False, "hswish", 1),
    (3, 480, 112, True, "hswish", 1),
    (3, 672, 112, True, "hswish", 1),
    (5, 672, 160, True, "hswish", 2),
    (5, 960, 160, True, "hswish", 1),
    (5, 960, 160, True, "hswish", 1),
)
_SMALL: tuple[_Row, ...] = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hswish", 2),
    (5, 240, 40, True, "hswish", 1),
    (5, 240, 40, True, "hswish", 1),
    (5, 120, 48, True, "hswish", 1),
    (5, 144, 48, True, "hswish", 1),
    (5, 288, 96, True, "hswish", 2),
    (5, 576, 96, True, "hswish", 1),
    (5, 576, 96, True, "hswish", 1),
)


def large(width: float, resolution: Size, classes: int) -> Architecture:
    """MobileNetV3-Large."""
    return _network(_LARGE, 960, 1280, "hswish", width, resolution, classes)


def small(width: float, resolution: Size, classes: int) -> Architecture:
    """MobileNetV3-Small."""
    return _network(_SMALL, 576, 1024, "hswish", width, resolution, classes)


def large_minimal(width: float, resolution: Size, classes: int) -> Architecture:
    """Large, "minimalistic"."""
    return _network(_minimal(_LARGE), 960, 1280, "relu", width, resolution, classes)


def small_minimal(width: float, resolution: Size, classes: int) -> Architecture:
    """Small, "minimalistic"."""
    return _network(_minimal(_SMALL), 576, 1024, "relu", width, resolution, classes)


def _minimal(rows: tuple[_Row, ...]) -> tuple[_Row, ...]:
    return tuple((3, expansion, out, False, "relu", stride) for _, expansion, out, _, _, stride in rows)


def _network(
    rows: tuple[_Row, ...], last: int, hidden: int, end: Activation, width: float, resolution: Size, classes: int
) -> Architecture:
    """Stem and outputs are scaled; an expansion keeps its ratio to the scaled input; the hidden head stays."""
    stem = divisible(16 * width)
    stages: list[Stage] = []
    unscaled, scaled = 16, stem
    for kernel, expansion, out, se, activation, stride in rows:
        out_scaled = divisible(out * width)
        expanded = None if expansion == unscaled else divisible(expansion / unscaled * scaled)
        residual = stride == 1 and unscaled == out
        block = InvertedResidual(kernel, expanded, se, activation, residual)
        if residual and stages:
            stages[-1] = Stage(out_scaled, stages[-1].stride, (*stages[-1].blocks, block))
        else:
            stages.append(Stage(out_scaled, stride, (block,)))
        unscaled, scaled = out, out_scaled
    head = Head(divisible(last * width), hidden, end)
    return Architecture(resolution, Stem(stem, end), tuple(stages), head, classes)
