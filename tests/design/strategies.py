"""Any legal architecture, for hypothesis."""

from typing import get_args

from hypothesis import strategies as st

from nas.design.architecture import IMAGENET_MEAN, IMAGENET_STD, Architecture, Head, InvertedResidual, Stage, Stem
from nas.design.op import Activation, Padding
from nas.design.size import Size, make_size

WIDTHS = st.integers(2, 64)
ACTIVATIONS: st.SearchStrategy[Activation] = st.sampled_from(get_args(Activation))

NORMALISATIONS = st.sampled_from(((IMAGENET_MEAN, IMAGENET_STD), ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))))


def sizes(least: int, most: int) -> st.SearchStrategy[Size]:
    """Squares and others, of sides in these bounds."""
    side = st.integers(least, most)
    return side | st.builds(make_size, side, side)


@st.composite
def blocks(draw: st.DrawFn, residual: bool) -> InvertedResidual:
    kernel = draw(st.sampled_from((1, 3, 5, 7)))
    return InvertedResidual(kernel, draw(st.none() | WIDTHS), draw(st.booleans()), draw(ACTIVATIONS), residual)


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    """Stages whose shortcuts are drawn too, where the widths allow them."""
    stem = Stem(draw(WIDTHS), draw(ACTIVATIONS))
    stages, width = [], stem.width
    for _ in range(draw(st.integers(1, 4))):
        stride = draw(st.sampled_from((1, 2)))
        shortcut = stride == 1 and draw(st.booleans())
        out = width if shortcut else draw(WIDTHS)
        rest = [draw(blocks(draw(st.booleans()))) for _ in range(draw(st.integers(0, 2)))]
        stages.append(Stage(out, stride, (draw(blocks(shortcut)), *rest)))
        width = out
    head = Head(draw(WIDTHS), draw(st.none() | WIDTHS), draw(ACTIVATIONS))
    size, classes, eps = draw(sizes(32, 96)), draw(st.integers(2, 20)), draw(st.sampled_from((1e-3, 1e-5)))
    mean, std = draw(NORMALISATIONS)
    padding = draw(st.sampled_from(get_args(Padding)))
    return Architecture(size, stem, tuple(stages), head, classes, eps, mean, std, padding)
