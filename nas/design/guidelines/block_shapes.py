"""Kernels and widths of MobileNetV3's block: what its search chose among, and the grid that its widths are on."""

from nas.design.blocks.inverted_residual import InvertedResidual
from nas.design.graph import Graph
from nas.design.guidelines.guideline import Guideline, PaperFigure, Variant, as_graph
from nas.design.shapes import Shape
from nas.design.walk import Walk

# Of the grid: widths above one that is a multiple of 64.
_STEPS = (1, 2, 4, 8, 16, 32)


def kernel_size() -> Guideline:
    """Depthwise kernels at equal widths. MnasNet's networks of one kind of block, in ms on a Pixel 1."""
    figure = PaperFigure("k5, expansions 3 and 6", (78 / 63, 146 / 116))
    return Guideline(
        "kernel-size",
        "How much slower is a larger depthwise kernel at equal widths?",
        "A network of 5x5 blocks is about 1.25 times as slow as one of 3x3 blocks",
        "MnasNet, Tan et al. 2019, networks of a single kind of block, Pixel 1",
        (
            Variant("3x3", _blocks(3, 80, 400, 14)),
            Variant("5x5", _blocks(5, 80, 400, 14), "slower", (figure,)),
            Variant("7x7", _blocks(7, 80, 400, 14), "slower"),
        ),
        note="Multiply-adds grow with the kernel.",
    )


def kernel_at_equal_macs() -> Guideline:
    """Depthwise kernels with expansions that make multiply-adds equal: e (2 c + k^2) is constant."""
    return Guideline(
        "kernel-at-equal-macs",
        "Is a larger depthwise kernel slower at equal multiply-adds?",
        "Depthwise convolutions have much memory access for their multiply-adds, so a larger share of them is slower",
        "ShuffleNetV2, Ma et al. 2018, G4; no figure given",
        (
            Variant("3x3 (400 wide)", _blocks(3, 80, 400, 14)),
            Variant("5x5 (368 wide)", _blocks(5, 80, 368, 14), "slower"),
            Variant("7x7 (320 wide)", _blocks(7, 80, 320, 14), "slower"),
        ),
        per_mac=True,
    )


def width_grid() -> Guideline:
    """Expansions of 64 channels and 1, 2, 4, … more."""
    others = tuple(
        Variant(str(64 + step), _blocks(3, 64, 64 + step, 28), "slower" if step < 8 else "no slower", width=64 + step)
        for step in _STEPS
    )
    return Guideline(
        "width-grid",
        "From which step on do widths cost no more per multiply-add?",
        "Widths are multiples of 8: those between are slower per multiply-add, the multiples are not",
        "MobileNet's rule for scaled widths; no figure given",
        (Variant("64", _blocks(3, 64, 64, 28), width=64), *others),
        per_mac=True,
        note="The expansion of every block has this width; multiply-adds grow with it.",
    )


def _blocks(kernel: int, width: int, expanded: int, size: int) -> Graph:
    """Six inverted residuals with ReLU and a shortcut."""
    walk = Walk(Shape(3, size))
    walk.conv("enter", width, 1, "relu")
    for number in range(6):
        InvertedResidual(kernel, expanded, False, "relu", True).lower(walk, f"b{number}", width, 1)
    return as_graph(walk)
