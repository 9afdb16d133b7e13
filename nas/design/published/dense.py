"""Detectors and segmenters on known backbones: SSDLite (MobileNetV2, section 6.2), LR-ASPP and R-ASPP (V3, section 6).

torchvision's `ssdlite320_mobilenet_v3_large` is `ssdlite_mobilenet_v3_large_reduced` for images of mean and deviation
0.5, and its `lraspp_mobilenet_v3_large` goes by the same name here.
"""

from collections.abc import Callable

from msgspec.structs import replace

from nas.design.architecture import Architecture, Block, Stage
from nas.design.dense.union import Dense, LrAspp, RAspp, SsdLite
from nas.design.op import divisible

TORCHVISION_SSDLITE = "ssdlite320_mobilenet_v3_large"
_LEAST_EXTRA = 16
_DEEP = 32  # stride of the tail


def _ssdlite(width: float) -> SsdLite:
    return SsdLite(tuple(max(_LEAST_EXTRA, divisible(extra * width)) for extra in SsdLite().extras))


HEADS: dict[str, Callable[[float], Dense]] = {
    "ssdlite": _ssdlite,
    "lraspp": lambda _: LrAspp(),
    "raspp": lambda _: RAspp(),
}
# The side of its images, and the classes of COCO with the background and without a gap, and of VOC with it.
RESOLUTIONS = {"ssdlite": 320, "lraspp": 520, "raspp": 520}
CLASSES = {"ssdlite": 91, "lraspp": 21, "raspp": 21}


def put_head(kind: str, backbone: Architecture, width: float, reduced: bool) -> Architecture:
    """A backbone with a head of a kind; `reduced` halves the channels behind stride 16.

    Where a network ends in a wide layer before its classifier, as V2 does, segmenters take what comes before it; V3's
    last 1x1 convolution is not that layer.
    """
    narrowed = reduce_tail(backbone) if reduced else backbone
    kept = kind == "ssdlite" or backbone.head.hidden is not None
    last = narrowed.head.width if kept else None
    head = replace(narrowed.head, width=last, hidden=None, hidden_affine="bias", convolutional=False)
    return replace(narrowed, head=head, dense=HEADS[kind](width))


def with_half_mean(arch: Architecture) -> Architecture:
    """For pixels from -1 to 1, as TensorFlow's networks take them, and torchvision's SSDLite."""
    return replace(arch, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def reduce_tail(arch: Architecture) -> Architecture:
    """Half of all channels behind the first expansion of stride 32 (V3, section 6.3), as torchvision has it."""
    stride, stages = arch.stem.stride, list[Stage]()
    for stage in arch.stages:
        first = stride < _DEEP <= stride * stage.stride
        stride *= stage.stride
        stages.append(stage if stride < _DEEP else _halved(stage, first))
    width = arch.head.width
    head = replace(arch.head, width=None if width is None else divisible(width / 2))
    return replace(arch, stages=tuple(stages), head=head)


def _halved(stage: Stage, first: bool) -> Stage:
    """The expansion of the first block of stride 32 is C4's, and stays."""
    blocks = tuple(block if first and number == 0 else _narrowed(block) for number, block in enumerate(stage.blocks))
    return replace(stage, width=divisible(stage.width / 2), blocks=blocks)


def _narrowed(block: Block) -> Block:
    for part, width in block.widths.items():
        block = block.with_width(part, divisible(width / 2))
    return block
