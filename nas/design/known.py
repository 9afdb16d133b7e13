"""Published networks by name; `nas.design.published` has their tables."""

import re
from collections.abc import Callable
from functools import partial

from nas.design.architecture import MOST_SIDE, Architecture
from nas.design.edits.resize import LEAST_RESOLUTION
from nas.design.published import mobilenet_v3, mobilenet_v4, shufflenet, squeezenet, stacks
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

KNOWN_NAMES = tuple(_NETWORKS)
_SPELLING = re.compile(rf"({'|'.join((*KNOWN_NAMES, *_OTHER_NAMES))})(?:-([0-9]*\.?[0-9]+))?(?:-([0-9]+(?:x[0-9]+)?))?")


def known(name: str, classes: int = 1000) -> Architecture:
    """The network of a name spelt `NAME[-WIDTH[-RESOLUTION]]`; raises InvalidArchitecture for any other.

    >>> known("mobilenet_v3_large-0.75-192").resolution, known("mobilenet_v3_large-1-192x320").resolution
    (192, (192, 320))
    """
    found = _SPELLING.fullmatch(name)
    if found is None:
        raise InvalidArchitecture(
            f"{name!r} is neither a file nor a known network: the names are {', '.join(KNOWN_NAMES)}, "
            "spelt NAME[-WIDTH[-RESOLUTION]] like mobilenet_v3_large-0.75-192 or mobilenet_v3_large-1-192x320."
        )
    own = _OTHER_NAMES.get(found[1], found[1])
    width = float(found[2] or 1)
    resolution = (parse_size(found[3]) or 0) if found[3] else _RESOLUTIONS.get(own, 224)
    if not 0.05 <= width <= 10:
        raise InvalidArchitecture(f"{name!r}: width {width:g} is outside 0.05 to 10.")
    if outside := [side for side in height_width(resolution) if not LEAST_RESOLUTION <= side <= MOST_SIDE]:
        raise InvalidArchitecture(f"{name!r}: resolution {outside[0]} is outside {LEAST_RESOLUTION} to {MOST_SIDE}.")
    try:
        return _NETWORKS[own](width, resolution, classes)
    except ValueError as error:
        raise InvalidArchitecture(f"{name!r}: {error}.") from error
