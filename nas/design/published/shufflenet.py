"""ShuffleNet V1: Zhang et al. 2018 (arXiv 1707.01083), Table 1. V2: Ma et al. 2018 (arXiv 1807.11164), Table 5."""

from nas.design.architecture import Architecture, Head, Stage, Stem
from nas.design.blocks.shuffle import ShuffleV1, ShuffleV2
from nas.design.size import Size

_REPEATS = (4, 8, 4)
# Of V1: the first stage's width for a number of groups; every later stage has twice the one before.
_FIRST = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
# Of V1: the stem, where the published code does not scale it as everything else.
_STEMS = {(3, 1.5): 24, (8, 1.5): 24, (8, 0.5): 16}
# Of V2: the widths of three stages and of the last convolution, as published; others are scaled from the second.
_V2 = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}


def shufflenet_v1(groups: int, width: float, resolution: Size, classes: int) -> Architecture:
    """All widths are scaled, and rounded so that the groups divide them."""
    stem = _STEMS.get((groups, width), _multiple(24 * width, groups))
    stages: list[Stage] = []
    for number, repeats in enumerate(_REPEATS):
        out = _multiple(_FIRST[groups] * 2**number * width, 4 * groups)
        unit = ShuffleV1(groups, out // 4)
        first = ShuffleV1(groups, out // 4, grouped_first=number > 0)
        stages.append(Stage(out, 2, (first, *(unit,) * (repeats - 1))))
    head = Head(None, None, "relu")
    return Architecture(resolution, Stem(stem, "relu", pool=True), tuple(stages), head, classes, 1e-5)


def shufflenet_v2(width: float, resolution: Size, classes: int) -> Architecture:
    """The stem keeps its 24 channels."""
    *widths, last = _V2.get(width) or (*(_multiple(out * width, 2) for out in _V2[1.0][:3]), 1024)
    stages = tuple(
        Stage(out, 2, (ShuffleV2(out // 2),) * repeats) for out, repeats in zip(widths, _REPEATS, strict=True)
    )
    stem, head = Stem(24, "relu", pool=True), Head(last, None, "relu")
    return Architecture(resolution, stem, stages, head, classes, 1e-5)


def _multiple(value: float, of: int) -> int:
    """The nearest multiple, at least two of them."""
    return max(2, round(value / of)) * of
