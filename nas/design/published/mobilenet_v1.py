"""MobileNetV1: Howard et al. 2017 (arXiv 1704.04861), Table 1.

The last depthwise layer has stride 1: the table prints 2, and a map of 7x7 that it takes and leaves.
"""

from nas.design.architecture import Architecture, Head, Stage, Stem
from nas.design.blocks.convolutional import Separable
from nas.design.op import divisible
from nas.design.size import Size

# output, repeats, stride
_ROWS = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2))


def mobilenet_v1(width: float, resolution: Size, classes: int) -> Architecture:
    """All widths are scaled; ReLU6 as in the published code."""
    block = Separable(3, "relu6")
    stages = tuple(Stage(divisible(out * width), stride, (block,) * repeats) for out, repeats, stride in _ROWS)
    head = Head(None, None, "relu6")
    return Architecture(resolution, Stem(divisible(32 * width), "relu6"), stages, head, classes)
