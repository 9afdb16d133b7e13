"""torchvision's names of MobileNet weights in ours. The package itself is not needed."""

from collections.abc import Iterator, Mapping

from torch import Tensor

from nas.design.architecture import Architecture, Block

_NORM = ("weight", "bias", "running_mean", "running_var")
# Pairs of prefixes: ours, torchvision's.
_Pairs = Iterator[tuple[str, str]]


def translate(state: Mapping[str, Tensor], arch: Architecture) -> dict[str, Tensor]:
    """A torchvision state dict of MobileNetV2 or V3 under our names; what has no counterpart keeps its name."""
    pairs = _v2(arch) if any(".conv." in name for name in state) else _v3(arch)
    ours = {f"{theirs}.{tensor}": f"{name}.{tensor}" for name, theirs in pairs for tensor in _NORM}
    return {ours.get(name, name): value for name, value in state.items()}


def _conv_norm(ours: str, theirs: str) -> _Pairs:
    """A convolution and its norm as numbers 0 and 1 of a sequence."""
    yield f"{ours}.conv", f"{theirs}.0"
    yield f"{ours}.norm", f"{theirs}.1"


def _blocks(arch: Architecture) -> Iterator[tuple[str, Block]]:
    for s, stage in enumerate(arch.stages):
        for b, block in enumerate(stage.blocks):
            yield f"s{s}b{b}", block


def _v3(arch: Architecture) -> _Pairs:
    yield from _conv_norm("stem", "features.0")
    last = 1
    for number, (name, block) in enumerate(_blocks(arch), start=1):
        parts = ["depthwise", "se", "project"] if block.se else ["depthwise", "project"]
        parts = parts if block.expanded is None else ["expand", *parts]
        for position, part in enumerate(parts):
            theirs = f"features.{number}.block.{position}"
            if part == "se":
                yield f"{name}_se.reduce", f"{theirs}.fc1"
                yield f"{name}_se.expand", f"{theirs}.fc2"
            else:
                yield from _conv_norm(f"{name}_{part}", theirs)
        last = number + 1
    yield from _conv_norm("head_conv", f"features.{last}")
    yield "head_hidden.linear", "classifier.0"
    yield "head_classifier.linear", "classifier.3"


def _v2(arch: Architecture) -> _Pairs:
    yield from _conv_norm("stem", "features.0")
    last = 1
    for number, (name, block) in enumerate(_blocks(arch), start=1):
        parts = ["depthwise"] if block.expanded is None else ["expand", "depthwise"]
        for position, part in enumerate(parts):
            yield from _conv_norm(f"{name}_{part}", f"features.{number}.conv.{position}")
        yield f"{name}_project.conv", f"features.{number}.conv.{len(parts)}"
        yield f"{name}_project.norm", f"features.{number}.conv.{len(parts) + 1}"
        last = number + 1
    yield from _conv_norm("head_conv", f"features.{last}")
    yield "head_classifier.linear", "classifier.1"
