"""Names of the weights of torchvision's SSDLite and LR-ASPP on MobileNetV3."""

from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

from nas.design.architecture import Architecture
from nas.design.dense.ssdlite import SsdLite
from nas.nets.weights.foreign_families import Pairs, conv_norm

# Of the norm in LR-ASPP's head, whatever the backbone's have.
_HEAD_EPS = 1e-5
_DEEP = 32  # stride


def torchvision_ssdlite(arch: Architecture, backbone: Callable[[Architecture], Pairs]) -> Pairs:
    """The backbone in two parts, cut behind the expansion of stride 32; then extras and both predictors."""
    cut = _first_deep_block(arch)
    for ours, theirs in _features(backbone(arch)):
        yield ours, f"backbone.features.{_cut_name(theirs, cut)}"
    extras = arch.dense.extras if isinstance(arch.dense, SsdLite) else ()
    for number in range(len(extras)):
        for place, part in enumerate(("reduce", "depthwise", "project")):
            theirs = f"backbone.extra.{number}.{place}"
            yield from conv_norm(f"head_extra{number}_{part}", f"{theirs}.0", f"{theirs}.1")
    for name, head in (("scores", "classification"), ("boxes", "regression")):
        for number in range(2 + len(extras)):
            theirs = f"head.{head}_head.module_list.{number}"
            yield from conv_norm(f"head_{name}{number}_depthwise", f"{theirs}.0.0", f"{theirs}.0.1")
            yield f"head_{name}{number}_project.conv", f"{theirs}.1"


def _first_deep_block(arch: Architecture) -> int:
    """Counted from the stem, which is 0."""
    stride, number = arch.stem.stride, 1
    for stage in arch.stages:
        stride *= stage.stride
        if stride >= _DEEP:
            break
        number += len(stage.blocks)
    return number


def _features(pairs: Pairs) -> Iterator[tuple[str, str]]:
    """Pairs of the backbone, their names without `features.`."""
    return ((ours, theirs.removeprefix("features.")) for ours, theirs in pairs if theirs.startswith("features."))


def _cut_name(name: str, cut: int) -> str:
    number, _, rest = name.partition(".")
    place = int(number) - cut
    if place < 0:
        return f"0.{name}"
    if place > 0:
        return f"1.{place}.{rest}"
    if rest.startswith("block.0."):
        return f"0.{number}.{rest.removeprefix('block.0.')}"
    return f"1.0.{rest.removeprefix('block.')}"


def torchvision_lraspp(arch: Architecture, backbone: Callable[[Architecture], Pairs]) -> Pairs:
    """The backbone's blocks by number, and the head."""
    for ours, theirs in _features(backbone(arch)):
        yield ours, f"backbone.{theirs}"
    yield from conv_norm("head_features", "classifier.cbr.0", "classifier.cbr.1")
    yield "head_gate.conv", "classifier.scale.1"
    yield "head_low.conv", "classifier.low_classifier"
    yield "head_high.conv", "classifier.high_classifier"


def with_own_epsilon(state: Mapping[str, Tensor], norm_eps: float) -> dict[str, Tensor]:
    """LR-ASPP's tensors for a network whose head has the epsilon of all its norms: the factor makes up for it."""
    factor, variance = "head_features.norm.weight", state.get("head_features.norm.running_var")
    if variance is None or factor not in state:
        return dict(state)
    return {**state, factor: state[factor] * ((variance + norm_eps) / (variance + _HEAD_EPS)).sqrt()}


def ssdlite_classes(state: Mapping[str, Tensor]) -> int | None:
    """How many classes SSDLite's scores tell apart: a box has four numbers an anchor."""
    scores, boxes = (state.get(f"head.{head}_head.module_list.0.1.bias") for head in ("classification", "regression"))
    if scores is None or boxes is None or len(boxes) < 4:
        return None
    return len(scores) // (len(boxes) // 4)
