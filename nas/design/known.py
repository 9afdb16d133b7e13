"""Published networks by name, as tables one can lay beside the papers.

MobileNetV3: Howard et al. 2019 (arXiv 1905.02244v5), Tables 1 and 2, widths as in Table 9.
MobileNetV2: Sandler et al. 2018 (arXiv 1801.04381), Table 2.
MnasNet: Tan et al. 2018 (arXiv 1807.11626), the network without squeeze-excite that is known as B1, figure 7a.
EfficientNet-Lite0 to 2: Liu 2020 (tensorflow/tpu, efficientnet/lite): B0 to B2 without squeeze-excite, with ReLU6
instead of swish, stem and head as in B0.
"""

import math
import re

from nas.design.architecture import Architecture, Head, InvertedResidual, Stage, Stem
from nas.design.op import Activation, divisible
from nas.errors import InvalidArchitecture

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
# kernel, expansion factor, output, repeats, stride
_Stack = tuple[int, int, int, int, int]

_V2: tuple[_Stack, ...] = (
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (3, 6, 32, 3, 2),
    (3, 6, 64, 4, 2),
    (3, 6, 96, 3, 1),
    (3, 6, 160, 3, 2),
    (3, 6, 320, 1, 1),
)
_MNASNET: tuple[_Stack, ...] = (
    (3, 1, 16, 1, 1),
    (3, 3, 24, 3, 2),
    (5, 3, 40, 3, 2),
    (5, 6, 80, 3, 2),
    (3, 6, 96, 2, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)
_LITE0: tuple[_Stack, ...] = (
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 3, 2),
    (5, 6, 112, 3, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)

# Of EfficientNet-Lite: width and depth as multiples of Lite0's, resolution.
_LITE: dict[str, tuple[float, float, int]] = {
    "efficientnet_lite0": (1.0, 1.0, 224),
    "efficientnet_lite1": (1.0, 1.1, 240),
    "efficientnet_lite2": (1.1, 1.2, 260),
}

KNOWN_NAMES = ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2", "mnasnet", *_LITE)
_SPELLING = re.compile(rf"({'|'.join(KNOWN_NAMES)})(?:-([0-9]*\.?[0-9]+))?(?:-([0-9]+))?")


def known(name: str, classes: int = 1000) -> Architecture:
    """The network of a name spelt `NAME[-WIDTH[-RESOLUTION]]`; raises InvalidArchitecture for any other.

    >>> known("mobilenet_v3_large-0.75-192").resolution
    192
    """
    found = _SPELLING.fullmatch(name)
    if found is None:
        raise InvalidArchitecture(
            f"{name!r} is neither a file nor a known network: the names are {', '.join(KNOWN_NAMES)}, "
            "spelt NAME[-WIDTH[-RESOLUTION]] like mobilenet_v3_large-0.75-192."
        )
    scale, depth, usual = _LITE.get(found[1], (1.0, 1.0, 224))
    width, resolution = float(found[2] or 1), int(found[3] or usual)
    if not 0.05 <= width <= 10:
        raise InvalidArchitecture(f"{name!r}: width {width:g} is outside 0.05 to 10.")
    if not 32 <= resolution <= 2048:
        raise InvalidArchitecture(f"{name!r}: resolution {resolution} is outside 32 to 2048.")
    match found[1]:
        case "mobilenet_v3_large":
            return _v3(_LARGE, 960, 1280, width, resolution, classes)
        case "mobilenet_v3_small":
            return _v3(_SMALL, 576, 1024, width, resolution, classes)
        case "mobilenet_v2":
            # The last width grows only above 1 (section 6.1).
            stem, last = Stem(divisible(32 * width), "relu6"), divisible(1280 * max(1.0, width))
            return _stacked(_V2, stem, last, width, resolution, classes, 1e-5)
        case "mnasnet":
            return _stacked(_MNASNET, Stem(divisible(32 * width), "relu"), 1280, width, resolution, classes, 1e-5)
        case _:
            rows = _deeper(_LITE0, depth)
            return _stacked(rows, Stem(32, "relu6"), 1280, width * scale, resolution, classes, 1e-3)


def _deeper(rows: tuple[_Stack, ...], depth: float) -> tuple[_Stack, ...]:
    """More blocks a stage, rounded up; the first and the last stage keep theirs."""
    inner = [(k, e, out, math.ceil(repeats * depth), s) for k, e, out, repeats, s in rows[1:-1]]
    return (rows[0], *inner, rows[-1])


def _v3(rows: tuple[_Row, ...], last: int, hidden: int, width: float, resolution: int, classes: int) -> Architecture:
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
    head = Head(divisible(last * width), hidden, "hswish")
    return Architecture(resolution, Stem(stem, "hswish"), tuple(stages), head, classes)


def _stacked(
    rows: tuple[_Stack, ...], stem: Stem, last: int, width: float, resolution: int, classes: int, norm_eps: float
) -> Architecture:
    """Stages of equal blocks, all outputs scaled; the activation is the stem's."""
    stages, scaled = [], stem.width
    for kernel, factor, out, repeats, stride in rows:
        out_scaled = divisible(out * width)
        blocks = []
        for number in range(repeats):
            expanded = None if factor == 1 else factor * scaled
            blocks.append(InvertedResidual(kernel, expanded, False, stem.activation, residual=number > 0))
            scaled = out_scaled
        stages.append(Stage(out_scaled, stride, tuple(blocks)))
    return Architecture(resolution, stem, tuple(stages), Head(last, None, stem.activation), classes, norm_eps)
