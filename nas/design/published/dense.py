"""Detectors and segmenters on known backbones: SSDLite (MobileNetV2, section 6.2), LR-ASPP and R-ASPP (V3, section 6).

torchvision's `ssdlite320_mobilenet_v3_large` is `ssdlite_mobilenet_v3_large_reduced` for images of mean and deviation
0.5, and its `lraspp_mobilenet_v3_large` goes by the same name here.
"""

from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.dense.head import DenseHead
from nas.design.dense.union import Dense, LrAspp, RAspp, SsdLite
from nas.design.edits.tail import reduce_tail

TORCHVISION_SSDLITE = "ssdlite320_mobilenet_v3_large"
HEADS: dict[str, Dense] = {head.kind: head for head in (SsdLite(), LrAspp(), RAspp())}
# The side of its images, and the classes of COCO with the background and without a gap, and of VOC with it.
RESOLUTIONS = {"ssdlite": 320, "lraspp": 520, "raspp": 520}
CLASSES = {"ssdlite": 91, "lraspp": 21, "raspp": 21}


def put_head(kind: str, backbone: Architecture, width: float, reduced: bool) -> Architecture:
    """A backbone with a head of a kind; `reduced` halves the channels behind stride 16.

    Where a network ends in a wide layer before its classifier, as V2 does, segmenters take what comes before it; V3's
    last 1x1 convolution is not that layer.
    """
    kept = kind == "ssdlite" or backbone.head.hidden is not None
    last = backbone.head.width if kept else None
    return attach_head(replace(backbone, head=replace(backbone.head, width=last)), HEADS[kind].scaled(width), reduced)


def attach_head(backbone: Architecture, dense: Dense, reduced: bool) -> Architecture:
    """A backbone, its tail `reduced` or not, with a head in the place of its pool and classifier."""
    narrowed = reduce_tail(backbone) if reduced else backbone
    head = replace(narrowed.head, hidden=None, hidden_affine="bias", convolutional=False)
    return replace(narrowed, head=head, dense=dense)


def name_with_head(name: str, arch: Architecture) -> str:
    """The name of a known backbone with the head that a network has; other names, and a classifier's, stay.

    >>> from nas.design.known import known
    >>> name_with_head("mobilenet_v2", known("lraspp_mobilenet_v3_small"))
    'lraspp_mobilenet_v2'
    """
    if not isinstance(arch.dense, DenseHead) or name.startswith(tuple(f"{kind}_" for kind in HEADS)):
        return name
    return f"{arch.dense.kind}_{name}"


def with_half_mean(arch: Architecture) -> Architecture:
    """For pixels from -1 to 1, as TensorFlow's networks take them, and torchvision's SSDLite."""
    return replace(arch, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
