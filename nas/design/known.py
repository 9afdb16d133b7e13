"""Published networks by name; `nas.design.published` has their tables."""

import re
from collections.abc import Callable
from functools import partial

from nas.design.architecture import MOST_SIDE, Architecture
from nas.design.edits.resize import LEAST_RESOLUTION
from nas.design.published import mobilenet_v3, mobilenet_v4, shufflenet, squeezenet, stacks
from nas.design.published.dense import CLASSES, HEADS, RESOLUTIONS, TORCHVISION_SSDLITE, put_head, with_half_mean
from nas.design.published.mobilenet_v1 import mobilenet_v1
from nas.design.published.xception import xception
from nas.design.size import Size, height_width, parse_size
from nas.errors import InvalidArchitecture

# A network of a width, a resolution and a number of classes.
_Make = Callable[[float, Size, int], Architecture]

_NETWORKS: dict[str, _Make] = {
    "mobilenet_v3_large": mobilenet_v3.large,
    "mobilenet_v3_small": mobilenet_v3.small,
    "mobilenet_v3_large_minimal": mobilenet_v3.large_minimal,
    "mobilenet_v3_small_minimal": mobilenet_v3.small_minimal,
    "mobilenet_v4_conv_small": mobilenet_v4.conv_small,
    "mobilenet_v4_conv_medium": mobilenet_v4.conv_medium,
    "mobilenet_v2": stacks.mobilenet_v2,
    "mobilenet_v1": mobilenet_v1,
    "mnasnet_a1": stacks.mnasnet_a1,
    "mnasnet_b1": stacks.mnasnet_b1,
    "mnasnet_small": stacks.mnasnet_small,
    "efficientnet_lite0": partial(stacks.efficientnet_lite, 1.0, 1.0),
    "efficientnet_lite1": partial(stacks.efficientnet_lite, 1.0, 1.1),
    "efficientnet_lite2": partial(stacks.efficientnet_lite, 1.1, 1.2),
    **{f"shufflenet_v1_g{groups}": partial(shufflenet.shufflenet_v1, groups) for groups in (1, 2, 3, 4, 8)},
    "shufflenet_v2": shufflenet.shufflenet_v2,
    "squeezenet_1_0": squeezenet.squeezenet_1_0,
    "squeezenet_1_0_bypass": squeezenet.squeezenet_1_0_bypass,
    "squeezenet_1_1": squeezenet.squeezenet_1_1,
    "xception": xception,
}
# Where it is not 224 pixels.
_RESOLUTIONS = {"efficientnet_lite1": 240, "efficientnet_lite2": 260, "xception": 299}
_OTHER_NAMES = {"mnasnet": "mnasnet_b1"}

# Detectors and segmenters: a head's name before that of any network here, `_reduced` behind it, or torchvision's name.
_DENSE_NAMES = {TORCHVISION_SSDLITE: "ssdlite_mobilenet_v3_large_reduced"}

KNOWN_NAMES = tuple(_NETWORKS)
DENSE_NAMES = (
    *_DENSE_NAMES,
    *(
        f"{head}_{backbone}"
        for head in HEADS
        for backbone in ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")
    ),
)
_ANY = "|".join((*KNOWN_NAMES, *_OTHER_NAMES))
_SIZES = r"(?:-([0-9]*\.?[0-9]+))?(?:-([0-9]+(?:x[0-9]+)?))?"
_SPELLING = re.compile(rf"({_ANY}){_SIZES}")
_DENSE = re.compile(rf"({'|'.join(HEADS)})_({_ANY})(_reduced)?{_SIZES}")
IMAGENET_CLASSES = 1000  # of ImageNet


def known(name: str, classes: int | None = None) -> Architecture:
    """The network of a name spelt `NAME[-WIDTH[-RESOLUTION]]`; raises InvalidArchitecture for any other.

    Without a number of classes it has as many as it was published for.

    >>> known("mobilenet_v3_large-0.75-192").resolution, known("lraspp_mobilenet_v3_large-1-192x320").resolution
    (192, (192, 320))
    """
    try:
        if (dense := _find_dense(name, classes)) is not None:
            return dense
        if found := _SPELLING.fullmatch(name):
            return _classifier(found[1], found[2], found[3], None, classes or IMAGENET_CLASSES)
    except ValueError as error:
        raise InvalidArchitecture(f"{name!r}: {error}.") from error
    raise InvalidArchitecture(
        f"{name!r} is neither a file nor a known network: the names are {', '.join(KNOWN_NAMES)}, "
        "spelt NAME[-WIDTH[-RESOLUTION]] like mobilenet_v3_large-0.75-192 or mobilenet_v3_large-1-192x320, for "
        f"detection and segmentation {', '.join(f'{head}_NAME' for head in HEADS)}."
    )


def _find_dense(name: str, classes: int | None) -> Architecture | None:
    spelt, dash, sizes = name.partition("-")
    found = _DENSE.fullmatch(_DENSE_NAMES.get(spelt, spelt) + dash + sizes)
    if found is None:
        return None
    kind, backbone, reduced, width, resolution = found.groups()
    whole = _classifier(backbone, width, resolution, RESOLUTIONS[kind], classes or CLASSES[kind])
    made = put_head(kind, whole, float(width or 1), bool(reduced))
    return with_half_mean(made) if spelt == TORCHVISION_SSDLITE else made


def _classifier(
    name: str, width_text: str | None, size_text: str | None, usual: int | None, classes: int
) -> Architecture:
    """A network of a name and sizes; raises ValueError where they are out of bounds."""
    own = _OTHER_NAMES.get(name, name)
    width = float(width_text or 1)
    resolution = (parse_size(size_text) or 0) if size_text else usual or _RESOLUTIONS.get(own, 224)
    if not 0.05 <= width <= 10:
        raise ValueError(f"width {width:g} is outside 0.05 to 10")
    if outside := [side for side in height_width(resolution) if not LEAST_RESOLUTION <= side <= MOST_SIDE]:
        raise ValueError(f"resolution {outside[0]} is outside {LEAST_RESOLUTION} to {MOST_SIDE}")
    return _NETWORKS[own](width, resolution, classes)
