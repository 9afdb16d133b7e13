"""Other libraries' names of the same weights in ours. None of the libraries is needed.

Known are torchvision's MobileNetV2, MobileNetV3 and MNASNet, the same families and EfficientNet-Lite from timm, and
EfficientNet-Lite as EfficientNet-PyTorch names it.
"""

from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

from nas.design.architecture import Architecture, Block
from nas.design.simplify import numbered

_NORM = ("weight", "bias", "running_mean", "running_var")
# Pairs of prefixes: ours, theirs.
_Pairs = Iterator[tuple[str, str]]

CLASSIFIERS = ("classifier.3.bias", "classifier.1.bias", "classifier.bias", "_fc.bias")


def translate(state: Mapping[str, Tensor], arch: Architecture) -> dict[str, Tensor]:
    """A state dict under our names; what has no counterpart, or is ours already, keeps its name.

    A convolution that stands for a fully connected layer [out, in, 1, 1] becomes one [out, in].
    """
    bare = {name.removeprefix("module."): value for name, value in state.items()}
    layout = layout_of(bare)
    if layout is None:
        return bare
    names = {f"{theirs}.{tensor}": f"{ours}.{tensor}" for ours, theirs in _LAYOUTS[layout](arch) for tensor in _NORM}
    found = {names.get(name, name): value for name, value in bare.items()}
    return {name: _as_linear(value) if name.endswith(".linear.weight") else value for name, value in found.items()}


def _as_linear(weight: Tensor) -> Tensor:
    return weight.flatten(1) if weight.ndim == 4 else weight


def layout_of(state: Mapping[str, Tensor]) -> str | None:
    """Whose names a state dict has; None where nobody's that is known."""
    v2 = any(".conv." in name for name in state)
    marks = {
        "features.0.0.weight": "torchvision MobileNetV2" if v2 else "torchvision MobileNetV3",
        "layers.0.weight": "torchvision MNASNet",
        "conv_stem.weight": "timm",
        "_conv_stem.weight": "EfficientNet-PyTorch",
    }
    return next((layout for mark, layout in marks.items() if mark in state), None)


def _conv_norm(ours: str, conv: str, norm: str) -> _Pairs:
    yield f"{ours}.conv", conv
    yield f"{ours}.norm", norm


def _squeeze(ours: str, reduce: str, expand: str) -> _Pairs:
    yield f"{ours}.reduce", reduce
    yield f"{ours}.expand", expand


def _parts(block: Block) -> list[str]:
    expand, squeeze = ["expand"] * (block.expanded is not None), ["se"] * block.se
    return [*expand, "depthwise", *squeeze, "project"]


def _torchvision_v3(arch: Architecture) -> _Pairs:
    yield from _conv_norm("stem", "features.0.0", "features.0.1")
    last = 0
    for last, (s, b, block) in enumerate(numbered(arch), start=1):
        for position, part in enumerate(_parts(block)):
            ours, theirs = f"s{s}b{b}_{part}", f"features.{last}.block.{position}"
            if part == "se":
                yield from _squeeze(ours, f"{theirs}.fc1", f"{theirs}.fc2")
            else:
                yield from _conv_norm(ours, f"{theirs}.0", f"{theirs}.1")
    yield from _conv_norm("head_conv", f"features.{last + 1}.0", f"features.{last + 1}.1")
    yield "head_hidden.linear", "classifier.0"
    yield "head_classifier.linear", "classifier.3"


def _torchvision_v2(arch: Architecture) -> _Pairs:
    yield from _conv_norm("stem", "features.0.0", "features.0.1")
    last = 0
    for last, (s, b, block) in enumerate(numbered(arch), start=1):
        *inner, project = _parts(block)
        theirs = f"features.{last}.conv"
        for position, part in enumerate(inner):
            yield from _conv_norm(f"s{s}b{b}_{part}", f"{theirs}.{position}.0", f"{theirs}.{position}.1")
        yield from _conv_norm(f"s{s}b{b}_{project}", f"{theirs}.{len(inner)}", f"{theirs}.{len(inner) + 1}")
    yield from _conv_norm("head_conv", f"features.{last + 1}.0", f"features.{last + 1}.1")
    yield "head_classifier.linear", "classifier.1"


def _torchvision_mnasnet(arch: Architecture) -> _Pairs:
    """The stem and the first block stand in one sequence with the stages; numbers 2, 5, 8 … are activations."""
    yield from _conv_norm("stem", "layers.0", "layers.1")
    for s, b, block in numbered(arch):
        for position, part in enumerate(_parts(block)):
            within, first = (f"layers.{s + 7}.{b}.layers", 0) if s else ("layers", 3)
            number = first + 3 * position
            yield from _conv_norm(f"s{s}b{b}_{part}", f"{within}.{number}", f"{within}.{number + 1}")
    last = len(arch.stages) + 7
    yield from _conv_norm("head_conv", f"layers.{last}", f"layers.{last + 1}")
    yield "head_classifier.linear", "classifier.1"


def _timm(arch: Architecture) -> _Pairs:
    yield from _conv_norm("stem", "conv_stem", "bn1")
    for s, b, block in numbered(arch):
        theirs = f"blocks.{s}.{b}"
        names = {"expand": "conv_pw", "depthwise": "conv_dw", "project": "conv_pwl"}
        if block.expanded is None:
            names["project"] = "conv_pw"
        for number, part in enumerate((part for part in _parts(block) if part != "se"), start=1):
            yield from _conv_norm(f"s{s}b{b}_{part}", f"{theirs}.{names[part]}", f"{theirs}.bn{number}")
        yield from _squeeze(f"s{s}b{b}_se", f"{theirs}.se.conv_reduce", f"{theirs}.se.conv_expand")
    if arch.head.hidden is None:
        yield from _conv_norm("head_conv", "conv_head", "bn2")
    else:
        last = f"blocks.{len(arch.stages)}.0"
        yield from _conv_norm("head_conv", f"{last}.conv", f"{last}.bn1")
        yield "head_hidden.linear", "conv_head"
    yield "head_classifier.linear", "classifier"


def _efficientnet_pytorch(arch: Architecture) -> _Pairs:
    yield from _conv_norm("stem", "_conv_stem", "_bn0")
    norms = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    for number, (s, b, _) in enumerate(numbered(arch)):
        for part, norm in norms.items():
            yield from _conv_norm(f"s{s}b{b}_{part}", f"_blocks.{number}._{part}_conv", f"_blocks.{number}.{norm}")
    yield from _conv_norm("head_conv", "_conv_head", "_bn1")
    yield "head_classifier.linear", "_fc"


_LAYOUTS: dict[str, Callable[[Architecture], _Pairs]] = {
    "torchvision MobileNetV2": _torchvision_v2,
    "torchvision MobileNetV3": _torchvision_v3,
    "torchvision MNASNet": _torchvision_mnasnet,
    "timm": _timm,
    "EfficientNet-PyTorch": _efficientnet_pytorch,
}
