"""Names of the weights of families other than inverted residuals, in the libraries that publish them."""

from collections.abc import Iterator

from nas.design.architecture import Architecture, Block
from nas.design.blocks.convolutional import Convolutional, Separable
from nas.design.blocks.fire import Fire
from nas.design.blocks.inverted_residual import InvertedResidual
from nas.design.blocks.shuffle import ShuffleV2
from nas.design.blocks.universal import Universal
from nas.design.blocks.xception import SeparableStack
from nas.design.edits.simplify import numbered

Pairs = Iterator[tuple[str, str]]
"""Pairs of prefixes: ours, theirs."""


def conv_norm(ours: str, conv: str, norm: str) -> Pairs:
    """A convolution and its norm."""
    yield f"{ours}.conv", conv
    yield f"{ours}.norm", norm


def squeeze(ours: str, reduce: str, expand: str) -> Pairs:
    """The two layers of a squeeze-excite."""
    yield f"{ours}.reduce", reduce
    yield f"{ours}.expand", expand


def timm_names(arch: Architecture) -> Pairs:
    """timm's MobileNetV1 to V4, MnasNet and EfficientNet-Lite."""
    yield from conv_norm("stem", "conv_stem", "bn1")
    stage = 0
    for ours, stage, number, block in _timm_places(arch):
        yield from _timm_block(ours, f"blocks.{stage}.{number}", block)
    head = arch.head
    if head.hidden is not None and head.width is not None:
        last = f"blocks.{stage + 1}.0"
        yield from conv_norm("head_conv", f"{last}.conv", f"{last}.bn1")
        yield "head_hidden.linear", "conv_head"
        yield "head_hidden.norm", "norm_head"
    elif head.width is not None:
        yield from conv_norm("head_conv", "conv_head", "bn2")
    yield "head_classifier.linear", "classifier"


def _timm_places(arch: Architecture) -> Iterator[tuple[str, int, int, Block]]:
    """Our name of every block, and the numbers of timm's stage and of the block in it.

    Pairs of full convolutions are one stage of its.
    """
    stage, number, before = -1, 0, None
    for s, b, block in numbered(arch):
        pair = isinstance(block, Convolutional) and isinstance(before, Convolutional) and arch.stages[s].stride == 1
        stage, number = (stage, number + 1) if b or pair else (stage + 1, 0)
        yield f"s{s}b{b}", stage, number, block
        before = block


def _timm_block(ours: str, theirs: str, block: Block) -> Pairs:
    match block:
        case InvertedResidual():
            first, last = ("conv_pw", "conv_pwl") if block.expanded else ("", "conv_pw")
            layers = [("expand", first)] if first else []
            layers += [("depthwise", "conv_dw"), ("project", last)]
        case Separable():
            layers = [("depthwise", "conv_dw"), ("pointwise", "conv_pw")]
        case Convolutional():
            layers = [("conv", "conv")]
        case Universal(fused=True):
            layers = [("expand", "conv_exp"), ("project", "conv_pwl")]
        case Universal():
            parts = {"start": "dw_start", "expand": "pw_exp", "middle": "dw_mid", "project": "pw_proj"}
            for part, name in parts.items():
                yield from conv_norm(f"{ours}_{part}", f"{theirs}.{name}.conv", f"{theirs}.{name}.bn")
            return
        case _:
            return
    for number, (part, name) in enumerate(layers, start=1):
        yield from conv_norm(f"{ours}_{part}", f"{theirs}.{name}", f"{theirs}.bn{number}")
    yield from squeeze(f"{ours}_se", f"{theirs}.se.conv_reduce", f"{theirs}.se.conv_expand")


def torchvision_shufflenet(arch: Architecture) -> Pairs:
    """torchvision's ShuffleNetV2."""
    yield from conv_norm("stem", "conv1.0", "conv1.1")
    for s, b, block in numbered(arch):
        if isinstance(block, ShuffleV2):
            ours, theirs = f"s{s}b{b}", f"stage{s + 2}.{b}"
            for part, number in (("side", 0), ("side_pointwise", 2)):
                yield from conv_norm(f"{ours}_{part}", f"{theirs}.branch1.{number}", f"{theirs}.branch1.{number + 1}")
            for part, number in (("expand", 0), ("depthwise", 3), ("project", 5)):
                yield from conv_norm(f"{ours}_{part}", f"{theirs}.branch2.{number}", f"{theirs}.branch2.{number + 1}")
    yield from conv_norm("head_conv", "conv5.0", "conv5.1")
    yield "head_classifier.linear", "fc"


def torchvision_squeezenet(arch: Architecture) -> Pairs:
    """torchvision's SqueezeNet: modules and pools are numbered in one sequence, behind a stem, ReLU and pool."""
    yield "stem.conv", "features.0"
    number = 2
    for s, b, block in numbered(arch):
        number += 1 + (b == 0 and s > 0 and arch.stages[s].stride == 2)
        if isinstance(block, Fire):
            for part, theirs in (("squeeze", "squeeze"), ("expand1", "expand1x1"), ("expand3", "expand3x3")):
                yield f"s{s}b{b}_{part}.conv", f"features.{number}.{theirs}"
    yield "head_classifier.conv", "classifier.1"


def timm_xception(arch: Architecture) -> Pairs:
    """timm's legacy Xception."""
    yield from conv_norm("stem", "conv1", "bn1")
    number = 0
    for s, b, block in numbered(arch):
        ours = f"s{s}b{b}"
        if isinstance(block, Convolutional):
            yield from conv_norm(f"{ours}_conv", "conv2", "bn2")
        elif isinstance(block, SeparableStack) and block.around:
            number += 1
            yield from _stack(ours, f"block{number}", block)
        elif isinstance(block, SeparableStack):
            for layer, last in enumerate(("3", "4")):
                yield f"{ours}_depthwise{layer}.conv", f"conv{last}.conv1"
                yield from conv_norm(f"{ours}_pointwise{layer}", f"conv{last}.pointwise", f"bn{last}")
    yield "head_classifier.linear", "fc"


def _stack(ours: str, theirs: str, block: SeparableStack) -> Pairs:
    for layer in range(len(block.inner) + 1):
        place = 3 * layer + block.active_first
        yield f"{ours}_depthwise{layer}.conv", f"{theirs}.rep.{place}.conv1"
        yield from conv_norm(f"{ours}_pointwise{layer}", f"{theirs}.rep.{place}.pointwise", f"{theirs}.rep.{place + 1}")
    yield from conv_norm(f"{ours}_shortcut", f"{theirs}.skip", f"{theirs}.skipbn")
