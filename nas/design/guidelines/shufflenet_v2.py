"""The four guidelines of ShuffleNetV2: Ma et al. 2018 (arXiv 1807.11164), section 2, Tables 1 to 4.

Widths are multiples of 16, so that the grid of a runtime's kernels is not taken for a guideline; multiply-adds are then
equal to 2.5 %. Maps and depths are chosen to take a few milliseconds on one CPU core.
"""

from nas.design.graph import Graph
from nas.design.guidelines.guideline import Claim, Guideline, Variant, as_graph, ratios_of_speeds
from nas.design.op import Activation
from nas.design.shapes import Shape
from nas.design.walk import Walk

_PAPER = "ShuffleNetV2, Ma et al. 2018"
# Speeds of the paper at three sizes: batches a second on a GPU (GTX 1080Ti), images a second on ARM (Snapdragon 810).
_Speeds = tuple[float, float, float]
# A variant's label, its graph, and its speeds on both.
_Row = tuple[str, Graph, _Speeds, _Speeds]


def equal_widths() -> Guideline:
    """G1: stacks of two 1x1 convolutions, from c1 channels to c2 and back, with c1 c2 constant."""
    rows: list[_Row] = [
        ("1:1 (224 and 224)", _alternating(224, 224), (1480, 723, 232), (76.2, 21.7, 5.3)),
        ("1:2 (160 and 320)", _alternating(160, 320), (1296, 586, 206), (72.9, 20.5, 5.1)),
        ("1:6 (96 and 528)", _alternating(96, 528), (876, 489, 189), (69.1, 17.9, 4.6)),
        ("1:12 (64 and 784)", _alternating(64, 784), (748, 392, 163), (57.6, 15.1, 4.4)),
    ]
    return Guideline(
        "equal-widths",
        "Do 1x1 convolutions with unequal input and output widths take longer at equal multiply-adds?",
        "G1: equal widths minimise memory access cost, so unequal ones are slower",
        f"{_PAPER}, Table 1",
        _variants(rows, "slower"),
        per_mac=True,
    )


def groups() -> Guideline:
    """G2: stacks of 1x1 convolutions in groups, with c^2 / groups constant."""
    rows: list[_Row] = [
        ("1 (112 wide)", _grouped(112, 1), (2451, 1289, 437), (40.0, 10.2, 2.3)),
        ("2 (160 wide)", _grouped(160, 2), (1725, 873, 341), (35.0, 9.5, 2.2)),
        ("4 (224 wide)", _grouped(224, 4), (1026, 644, 338), (32.9, 8.7, 2.1)),
        ("8 (320 wide)", _grouped(320, 8), (634, 445, 230), (27.8, 7.5, 1.8)),
    ]
    return Guideline(
        "groups",
        "Do 1x1 convolutions in groups take longer at equal multiply-adds?",
        "G2: more groups increase memory access cost, so they are slower",
        f"{_PAPER}, Table 2",
        _variants(rows, "slower"),
        per_mac=True,
    )


def fragmentation() -> Guideline:
    """G3: one 1x1 convolution, or as many multiply-adds in two or four, in series or in parallel."""
    rows: list[_Row] = [
        ("1 fragment", _in_series(224, 1), (2446, 1274, 434), (40.2, 10.1, 2.3)),
        ("2 in series", _in_series(160, 2), (1790, 909, 336), (38.6, 10.1, 2.2)),
        ("4 in series", _in_series(112, 4), (752, 745, 349), (38.4, 10.1, 2.3)),
        ("2 in parallel", _in_parallel(224, 2), (1537, 803, 320), (33.4, 9.1, 2.2)),
        ("4 in parallel", _in_parallel(224, 4), (691, 572, 292), (35.0, 8.4, 2.1)),
    ]
    return Guideline(
        "fragmentation",
        "Do many small convolutions take longer than one at equal multiply-adds?",
        "G3: fragmentation reduces parallelism, so fragments are slower",
        f"{_PAPER}, Table 3",
        _variants(rows, "slower"),
        per_mac=True,
        note="Parallel convolutions read the same map and share out the output channels, which are concatenated.",
    )


def element_wise() -> Guideline:
    """G4: ResNet's bottleneck with and without ReLU and shortcut."""
    rows: list[_Row] = [
        ("ReLU and shortcut", _bottlenecks("relu", True), (2427, 2066, 1436), (56.7, 16.9, 5.0)),
        ("no shortcut", _bottlenecks("relu", False), (2647, 2256, 1735), (61.9, 18.8, 5.2)),
        ("no ReLU", _bottlenecks(None, True), (2672, 2121, 1458), (57.3, 18.2, 5.1)),
        ("neither", _bottlenecks(None, False), (2842, 2376, 1782), (66.3, 20.2, 5.4)),
    ]
    return Guideline(
        "element-wise",
        "Is a bottleneck faster without its ReLUs and its shortcut?",
        "G4: element-wise operations are not negligible, so a bottleneck without them is faster",
        f"{_PAPER}, Table 4",
        _variants(rows, "faster"),
    )


def _variants(rows: list[_Row], claim: Claim) -> tuple[Variant, ...]:
    """A variant a row; the paper says something of all but the first, beside it."""
    label, graph, gpu, arm = rows[0]
    others = (
        Variant(name, own, claim, (ratios_of_speeds("ARM", arm, own_arm), ratios_of_speeds("GPU", gpu, own_gpu)))
        for name, own, own_gpu, own_arm in rows[1:]
    )
    return (Variant(label, graph), *others)


def _entered(width: int, size: int) -> Walk:
    """A walk whose image has been taken to a width."""
    walk = Walk(Shape(3, size))
    walk.conv("enter", width, 1, "relu")
    return walk


def _alternating(one: int, other: int) -> Graph:
    walk = _entered(one, 28)
    for number in range(4):
        walk.conv(f"b{number}_out", other, 1, "relu")
        walk.conv(f"b{number}_back", one, 1, "relu")
    return as_graph(walk)


def _grouped(width: int, count: int) -> Graph:
    walk = _entered(width, 28)
    for number in range(10):
        walk.conv(f"b{number}", width, 1, "relu", groups=count)
    return as_graph(walk)


def _in_series(width: int, count: int) -> Graph:
    walk = _entered(width, 14)
    for number in range(10 * count):
        walk.conv(f"b{number}", width, 1, "relu")
    return as_graph(walk)


def _in_parallel(width: int, count: int) -> Graph:
    walk = _entered(width, 14)
    for number in range(10):
        start, ends = walk.here, []
        for branch in range(count):
            walk.here = start
            walk.conv(f"b{number}_{branch}", width // count, 1, "relu")
            ends.append(walk.here)
        walk.concat(f"b{number}_concat", *ends)
    return as_graph(walk)


def _bottlenecks(activation: Activation | None, shortcut: bool) -> Graph:
    """ResNet's order: the last activation is behind the sum."""
    walk = _entered(128, 28)
    for number in range(6):
        start, name = walk.here, f"b{number}"
        walk.conv(f"{name}_reduce", 32, 1, activation)
        walk.conv(f"{name}_conv", 32, 3, activation)
        walk.conv(f"{name}_expand", 128, 1, None if shortcut else activation)
        if shortcut:
            walk.add(f"{name}_add", start)
            if activation:
                walk.activate(f"{name}_relu", activation)
    return as_graph(walk)
