"""One published network of each family and of each kind of head; the others are of the same parts."""

from nas.design.known import KNOWN_NAMES

EACH_FAMILY = (
    *(name for name in KNOWN_NAMES if name.startswith("mobilenet") and "minimal" not in name and "medium" not in name),
    "mnasnet_small",
    "shufflenet_v1_g1",
    "shufflenet_v1_g3",
    "shufflenet_v2",
    "squeezenet_1_0_bypass",
    "squeezenet_1_1",
    "xception",
)
