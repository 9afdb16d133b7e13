"""MobileNetV4: Qin et al. 2024 (arXiv 2404.10518), the convolutional networks, Tables 9 and 10."""

from collections.abc import Sequence

from nas.design.architecture import Architecture, Block, Head, Stage, Stem
from nas.design.blocks.convolutional import Convolutional
from nas.design.blocks.universal import Universal
from nas.design.op import divisible
from nas.design.size import Size

# kernel before the expansion, kernel inside, expansion factor; 0: there is none
_Row = tuple[int, int, int]

_SMALL: tuple[tuple[int, tuple[_Row, ...]], ...] = (
    (96, ((5, 5, 3), *((0, 3, 2),) * 4, (3, 0, 4))),
    (128, ((3, 3, 6), (5, 5, 4), (0, 5, 4), (0, 5, 3), (0, 3, 4), (0, 3, 4))),
)
_MEDIUM: tuple[tuple[int, tuple[_Row, ...]], ...] = (
    (80, ((3, 5, 4), (3, 3, 2))),
    (160, ((3, 5, 6), (3, 3, 4), (3, 3, 4), (3, 5, 4), (3, 3, 4), (3, 0, 4), (0, 0, 2), (3, 0, 4))),
    (
        256,
        (
            (5, 5, 6),
            (5, 5, 4),
            (3, 5, 4),
            (3, 5, 4),
            (0, 0, 4),
            (3, 0, 4),
            (3, 5, 2),
            (5, 5, 4),
            (0, 0, 4),
            (0, 0, 4),
            (5, 0, 2),
        ),
    ),
)


def conv_small(width: float, resolution: Size, classes: int) -> Architecture:
    """MobileNetV4-Conv-S: two pairs of full convolutions, then universal bottlenecks."""
    rows = ((32, 3, 2), (32, 1, 1), (96, 3, 2), (64, 1, 1))
    first = [Stage(divisible(out * width), s, (Convolutional(kernel, "relu"),)) for out, kernel, s in rows]
    return _network(first, _SMALL, width, resolution, classes)


def conv_medium(width: float, resolution: Size, classes: int) -> Architecture:
    """MobileNetV4-Conv-M: one fused bottleneck, then universal ones."""
    fused = Universal(None, divisible(4 * divisible(32 * width)), 3, "relu", residual=False, fused=True)
    return _network([Stage(divisible(48 * width), 2, (fused,))], _MEDIUM, width, resolution, classes)


def _network(
    first: Sequence[Stage],
    rows: tuple[tuple[int, tuple[_Row, ...]], ...],
    width: float,
    resolution: Size,
    classes: int,
) -> Architecture:
    stages, taken = [*first], first[-1].width
    for out, row in rows:
        left, blocks = divisible(out * width), list[Block]()
        for number, (start, middle, factor) in enumerate(row):
            blocks.append(Universal(start or None, divisible(taken * factor), middle or None, "relu", number > 0))
            taken = left
        stages.append(Stage(left, 2, tuple(blocks)))
    head = Head(divisible(960 * width), 1280, "relu", hidden_affine="norm")
    return Architecture(resolution, Stem(divisible(32 * width), "relu"), tuple(stages), head, classes, 1e-5)
