"""The edits of MobileNetV3 by hand: Howard et al. 2019 (arXiv 1905.02244), sections 5.1 to 5.3, on MobileNetV3-Large.

Two versions of the paper disagree on latencies: v1 (May 2019) and v5 (November 2019). Both are of a Pixel 1.
"""

from collections.abc import Callable

from msgspec.structs import replace

from nas.design.architecture import Architecture, Head, Stage, Stem
from nas.design.blocks.inverted_residual import InvertedResidual
from nas.design.graph import Graph, lower
from nas.design.guidelines.guideline import Guideline, PaperFigure, Variant
from nas.design.known import known

_PAPER = "MobileNetV3, Howard et al. 2019"
# What a block becomes, given the widths before and behind it.
_Edit = Callable[[InvertedResidual, int, int], InvertedResidual]


def hswish() -> Guideline:
    """Table 5: where h-swish begins. Latencies in ms, v5 optimised, v5 naive and v1; the network as published first."""
    published = (51.4, 57.5, 66.0)
    rows = {"ReLU only": (50.5, 50.5, 59.0), "from 16 channels": (53.5, 68.9, 78.0), "from 112": (51.0, 54.4, 64.0)}
    relu, early, late = (_latencies(published, row) for row in rows.values())
    return Guideline(
        "h-swish",
        "What does h-swish cost, and does it matter where it begins?",
        "h-swish costs less the deeper it begins, and ReLU alone is fastest",
        f"{_PAPER}, Table 5, Pixel 1",
        (
            Variant("from 80 channels (V3-Large)", lower(_large())),
            Variant("ReLU only", _with_hswish_from(None), "faster", relu),
            Variant("from 16 channels", _with_hswish_from(16), "slower", early),
            Variant("from 112 channels", _with_hswish_from(112), "faster", late),
        ),
        note="Multiply-adds are equal.",
    )


def last_stage() -> Guideline:
    """Section 5.1, figure 5: the pool before the last wide layer, and no bottleneck before that."""
    large = _large()
    bottleneck = Stage(320, 1, (InvertedResidual(3, 960, False, "hswish", False),))
    original = replace(large, stages=(*large.stages, bottleneck), head=Head(1280, None, "hswish"))
    # 11 and 15 % of the running time are saved.
    figures = PaperFigure("v5", (1 / (1 - 0.11),)), PaperFigure("v1", (1 / (1 - 0.15),))
    return Guideline(
        "last-stage",
        "Is the efficient last stage faster than MobileNetV2's?",
        "The efficient last stage saves 11 % of the latency (v1 of the paper: 15 %)",
        f"{_PAPER}, section 5.1, Pixel 1",
        (Variant("efficient (V3-Large)", lower(large)), Variant("original", lower(original), "slower", figures)),
        note="The edit saves multiply-adds: 30 M by the paper.",
    )


def stem() -> Guideline:
    """Section 5.1: 16 filters with h-swish in place of 32. v5: 2 ms of 51.4 saved, v1: 3 ms of 66."""
    figures = PaperFigure("v5", ((51.4 + 2) / 51.4,)), PaperFigure("v1", ((66.0 + 3) / 66.0,))
    return Guideline(
        "stem",
        "Is a stem of 16 filters with h-swish faster than one of 32?",
        "16 filters with h-swish are faster than 32 with ReLU, by 2 ms of 51 (v1 of the paper: 3 ms of 66)",
        f"{_PAPER}, section 5.1, Pixel 1",
        (
            Variant("16, h-swish (V3-Large)", lower(_large())),
            Variant("32, ReLU", lower(_with_stem(Stem(32, "relu"))), "slower", figures),
            Variant("32, h-swish", lower(_with_stem(Stem(32, "hswish"))), "slower"),
            Variant("16, ReLU", lower(_with_stem(Stem(16, "relu")))),
        ),
        note="The edit saves multiply-adds: 10 M by the paper.",
    )


def squeeze_excite() -> Guideline:
    """Section 5.3: a quarter of the expansion, in place of MnasNet's quarter of the block's input."""
    return Guideline(
        "squeeze-excite",
        "What does squeeze-excite cost?",
        "Squeeze-excite of a quarter of the expansion has no discernible latency cost",
        f"{_PAPER}, section 5.3; no figure given",
        (
            Variant("none", _edited(lambda block, *_: block.without_squeeze or block)),
            Variant("a quarter of the input", _edited(_squeeze_to_input), "no slower"),
            Variant("a quarter of the expansion (V3-Large)", lower(_large()), "no slower"),
            Variant("the same in every block", _edited(lambda block, *_: replace(block, se=True))),
        ),
        note="It adds less than 1 % of multiply-adds.",
    )


def _large() -> Architecture:
    return known("mobilenet_v3_large")


def _latencies(first: tuple[float, float, float], own: tuple[float, float, float]) -> tuple[PaperFigure, ...]:
    ratios = (one / other for one, other in zip(own, first, strict=True))
    names = ("v5 optimised", "v5 naive", "v1")
    return tuple(PaperFigure(name, (ratio,)) for name, ratio in zip(names, ratios, strict=True))


def _with_hswish_from(width: int | None) -> Graph:
    """V3-Large with h-swish in blocks of at least so many output channels and behind them; None: nowhere."""

    def activated(block: InvertedResidual, _: int, out: int) -> InvertedResidual:
        return replace(block, activation="relu" if width is None or out < width else "hswish")

    if width is not None:
        return _edited(activated)
    large = _large()
    return _edited(activated, replace(large, stem=Stem(16, "relu"), head=replace(large.head, activation="relu")))


def _with_stem(stem: Stem) -> Architecture:
    """V3-Large; a shortcut around its first block needs equal widths."""
    large = _large()
    first, *others = large.stages
    block = first.blocks[0]
    assert isinstance(block, InvertedResidual), "V3 has no others"
    narrowed = replace(first, blocks=(replace(block, residual=stem.width == first.width),))
    return replace(large, stem=stem, stages=(narrowed, *others))


def _squeeze_to_input(block: InvertedResidual, into: int, _: int) -> InvertedResidual:
    return replace(block, squeezed=into // 4) if block.se else block


def _edited(edit: _Edit, large: Architecture | None = None) -> Graph:
    """V3-Large with every block edited."""
    large = large or _large()
    stages, into = [], large.stem.width
    for stage in large.stages:
        blocks = []
        for block in stage.blocks:
            assert isinstance(block, InvertedResidual), "V3 has no others"
            blocks.append(edit(block, into, stage.width))
            into = stage.width
        stages.append(replace(stage, blocks=tuple(blocks)))
    return lower(replace(large, stages=tuple(stages)))
