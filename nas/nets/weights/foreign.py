"""Other libraries' names of the same weights in ours. None of the libraries is needed.

Known are torchvision's MobileNetV2, MobileNetV3, MNASNet, ShuffleNetV2 and SqueezeNet, its SSDLite and LR-ASPP on
MobileNetV3, timm's MobileNetV1 to V4, MnasNet, EfficientNet-Lite and Xception, and EfficientNet-Lite as
EfficientNet-PyTorch names it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from torch import Tensor

from nas.design.architecture import Architecture, InvertedResidual
from nas.design.edits.simplify import numbered
from nas.nets.modules import NORM_TENSORS
from nas.nets.weights.foreign_dense import (
    ssdlite_classes,
    torchvision_lraspp,
    torchvision_ssdlite,
    with_own_epsilon,
)
from nas.nets.weights.foreign_families import (
    Pairs,
    conv_norm,
    squeeze,
    timm_names,
    timm_xception,
    torchvision_shufflenet,
    torchvision_squeezenet,
)

Naming = Literal[
    "nas",
    "torchvision MobileNetV2",
    "torchvision MobileNetV3",
    "torchvision MNASNet",
    "torchvision ShuffleNetV2",
    "torchvision SqueezeNet",
    "torchvision SSDLite",
    "torchvision LR-ASPP",
    "timm",
    "timm Xception",
    "EfficientNet-PyTorch",
]
# Names of the stem's convolution and norm. torchvision names those of two networks alike.
_FEATURES = ("features.0.0.weight", "features.0.1.weight")
MARKS: dict[Naming, tuple[str, ...]] = {
    "nas": ("stem.conv.weight",),
    "torchvision MobileNetV2": _FEATURES,
    "torchvision MobileNetV3": _FEATURES,
    "torchvision MNASNet": ("layers.0.weight", "layers.8.0.layers.0.weight"),
    "torchvision ShuffleNetV2": ("conv1.0.weight", "stage2.0.branch1.0.weight"),
    "torchvision SqueezeNet": ("features.0.bias", "features.3.squeeze.weight"),
    "torchvision SSDLite": ("backbone.features.0.0.0.weight", "head.classification_head.module_list.0.1.bias"),
    "torchvision LR-ASPP": ("backbone.0.0.weight", "classifier.cbr.0.weight"),
    "timm": ("conv_stem.weight", "bn1.weight"),
    "timm Xception": ("block1.rep.0.conv1.weight", "conv4.pointwise.weight"),
    "EfficientNet-PyTorch": ("_conv_stem.weight", "_bn0.weight"),
}
_CLASSIFIERS: dict[Naming, tuple[str, ...]] = {
    "nas": ("head_classifier.linear", "head_classifier.conv", "head_low.conv"),
    "torchvision MobileNetV2": ("classifier.1",),
    "torchvision MobileNetV3": ("classifier.3",),
    "torchvision MNASNet": ("classifier.1",),
    "torchvision ShuffleNetV2": ("fc",),
    "torchvision SqueezeNet": ("classifier.1",),
    "torchvision SSDLite": (),
    "torchvision LR-ASPP": ("classifier.low_classifier",),
    "timm": ("classifier",),
    "timm Xception": ("fc",),
    "EfficientNet-PyTorch": ("_fc",),
}


def classes_of(state: Mapping[str, Tensor]) -> int | None:
    """For how many classes a state dict is; None if it holds no classifier."""
    layout = layout_of(state)
    if layout == "torchvision SSDLite":
        return ssdlite_classes(state)
    names = _CLASSIFIERS[layout] if layout else ()
    bias = next((state[f"{name}.bias"] for name in names if f"{name}.bias" in state), None)
    return len(bias) if bias is not None and bias.ndim == 1 and len(bias) > 1 else None


def translate(state: Mapping[str, Tensor], arch: Architecture) -> dict[str, Tensor]:
    """A state dict under our names; what has no counterpart, or is ours already, keeps its name.

    A convolution that stands for a fully connected layer [out, in, 1, 1] becomes one [out, in].
    """
    layout = layout_of(state)
    if layout is None or layout == "nas":
        return dict(state)
    pairs = _LAYOUTS[layout](arch)
    names = {f"{theirs}.{tensor}": f"{ours}.{tensor}" for ours, theirs in pairs for tensor in NORM_TENSORS}
    found = {names.get(name, name): value for name, value in state.items()}
    if layout == "torchvision LR-ASPP":
        found = with_own_epsilon(found, arch.norm_eps)
    return {name: _as_linear(value) if name.endswith(".linear.weight") else value for name, value in found.items()}


def _as_linear(weight: Tensor) -> Tensor:
    return weight.flatten(1) if weight.ndim == 4 else weight


def layout_of(state: Mapping[str, Tensor]) -> Naming | None:
    """Whose names a state dict has; None where nobody's that is known."""
    found = [layout for layout, marks in MARKS.items() if all(mark in state for mark in marks)]
    if "torchvision MobileNetV2" in found:
        v2 = any(".conv." in name for name in state)
        return "torchvision MobileNetV2" if v2 else "torchvision MobileNetV3"
    return found[0] if found else None


def _blocks(arch: Architecture) -> Iterator[tuple[int, int, InvertedResidual]]:
    return ((s, b, block) for s, b, block in numbered(arch) if isinstance(block, InvertedResidual))


def _parts(block: InvertedResidual) -> list[str]:
    expand, squeeze = ["expand"] * (block.expanded is not None), ["se"] * block.se
    return [*expand, "depthwise", *squeeze, "project"]


def _torchvision_v3(arch: Architecture) -> Pairs:
    yield from conv_norm("stem", "features.0.0", "features.0.1")
    last = 0
    for last, (s, b, block) in enumerate(_blocks(arch), start=1):
        for position, part in enumerate(_parts(block)):
            ours, theirs = f"s{s}b{b}_{part}", f"features.{last}.block.{position}"
            if part == "se":
                yield from squeeze(ours, f"{theirs}.fc1", f"{theirs}.fc2")
            else:
                yield from conv_norm(ours, f"{theirs}.0", f"{theirs}.1")
    yield from conv_norm("head_conv", f"features.{last + 1}.0", f"features.{last + 1}.1")
    yield "head_hidden.linear", "classifier.0"
    yield "head_classifier.linear", "classifier.3"


def _torchvision_v2(arch: Architecture) -> Pairs:
    yield from conv_norm("stem", "features.0.0", "features.0.1")
    last = 0
    for last, (s, b, block) in enumerate(_blocks(arch), start=1):
        *inner, project = _parts(block)
        theirs = f"features.{last}.conv"
        for position, part in enumerate(inner):
            yield from conv_norm(f"s{s}b{b}_{part}", f"{theirs}.{position}.0", f"{theirs}.{position}.1")
        yield from conv_norm(f"s{s}b{b}_{project}", f"{theirs}.{len(inner)}", f"{theirs}.{len(inner) + 1}")
    yield from conv_norm("head_conv", f"features.{last + 1}.0", f"features.{last + 1}.1")
    yield "head_classifier.linear", "classifier.1"


def _torchvision_mnasnet(arch: Architecture) -> Pairs:
    """The stem and the first block stand in one sequence with the stages; numbers 2, 5, 8 … are activations."""
    yield from conv_norm("stem", "layers.0", "layers.1")
    for s, b, block in _blocks(arch):
        for position, part in enumerate(_parts(block)):
            within, first = (f"layers.{s + 7}.{b}.layers", 0) if s else ("layers", 3)
            number = first + 3 * position
            yield from conv_norm(f"s{s}b{b}_{part}", f"{within}.{number}", f"{within}.{number + 1}")
    last = len(arch.stages) + 7
    yield from conv_norm("head_conv", f"layers.{last}", f"layers.{last + 1}")
    yield "head_classifier.linear", "classifier.1"


def _efficientnet_pytorch(arch: Architecture) -> Pairs:
    yield from conv_norm("stem", "_conv_stem", "_bn0")
    norms = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    for number, (s, b, _) in enumerate(_blocks(arch)):
        for part, norm in norms.items():
            yield from conv_norm(f"s{s}b{b}_{part}", f"_blocks.{number}._{part}_conv", f"_blocks.{number}.{norm}")
    yield from conv_norm("head_conv", "_conv_head", "_bn1")
    yield "head_classifier.linear", "_fc"


def _torchvision_ssdlite(arch: Architecture) -> Pairs:
    return torchvision_ssdlite(arch, _torchvision_v3)


def _torchvision_lraspp(arch: Architecture) -> Pairs:
    return torchvision_lraspp(arch, _torchvision_v3)


_LAYOUTS: dict[Naming, Callable[[Architecture], Pairs]] = {
    "torchvision MobileNetV2": _torchvision_v2,
    "torchvision MobileNetV3": _torchvision_v3,
    "torchvision MNASNet": _torchvision_mnasnet,
    "torchvision ShuffleNetV2": torchvision_shufflenet,
    "torchvision SqueezeNet": torchvision_squeezenet,
    "torchvision SSDLite": _torchvision_ssdlite,
    "torchvision LR-ASPP": _torchvision_lraspp,
    "timm": timm_names,
    "timm Xception": timm_xception,
    "EfficientNet-PyTorch": _efficientnet_pytorch,
}
