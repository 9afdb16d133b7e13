"""`find_original`: the network that weights came from, run by its own library, to compare an export with."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct
from torch import Tensor, nn

from nas.design.architecture import Architecture
from nas.design.known import known
from nas.design.size import height_width
from nas.nets.weights.checkpoint import State, read_checkpoint
from nas.nets.weights.recognise import RecognisedWeights
from nas.nets.weights.traits import timm_name

_TIMM = {
    "mobilenet_v3_large": "mobilenetv3_large_{}",
    "mobilenet_v3_small": "mobilenetv3_small_{}",
    "mobilenet_v2": "mobilenetv2_{}",
    "mobilenet_v1": "mobilenetv1_{}",
    "mobilenet_v4_conv_small": "mobilenetv4_conv_small",
    "mobilenet_v4_conv_medium": "mobilenetv4_conv_medium",
    "mnasnet_a1": "semnasnet_{}",
    "mnasnet_b1": "mnasnet_{}",
    "mnasnet_small": "mnasnet_small",
    "xception": "legacy_xception",
}
_SHUFFLE = ("x0_5", "x1_0", "x1_5", "x2_0")
_WIDTHS = (100, 35, 50, 75, 110, 120, 130, 140)


class Original(Struct, frozen=True, eq=False):
    """A library's own network with the weights of a file; it takes images as `Architecture` says."""

    name: str
    network: nn.Module

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """Its outputs, as ours are in number and order."""
        network: Any = self.network
        with torch.inference_mode():
            if hasattr(network, "anchor_generator"):  # SSD: its own call ends in boxes that are left
                found = network.head(list(network.backbone(images).values()))
                return found["cls_logits"], found["bbox_regression"]
            given = network(images)
        return (given["out"] if isinstance(given, dict) else given,)


def find_original(path: Path, seed: RecognisedWeights) -> Original | None:
    """The network of the library that names weights so; None if it is not installed or has no such network."""
    state = read_checkpoint(path).state
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries that are not ours
            found = (Original(name, network) for name, network in _candidates(path, seed) if _takes(network, state))
            return next(found, None)
    except (ImportError, RuntimeError, AttributeError):  # torchvision does not import beside every torch
        return None


def _candidates(path: Path, seed: RecognisedWeights) -> Iterator[tuple[str, nn.Module]]:
    match seed.library:
        case "timm" | "timm Xception":
            return _timm(path, seed)
        case "EfficientNet-PyTorch":
            return _efficientnet(seed.name, seed.architecture)
        case _:
            return _torchvision(seed.name, seed.architecture)


def _takes(network: nn.Module, state: State) -> bool:
    """Load weights into a network; False if they are not its own."""
    try:
        missing, more = network.load_state_dict(state, strict=False)
    except RuntimeError:
        return False
    network.eval()
    return not more and all(name.endswith("num_batches_tracked") for name in missing)


def _timm(path: Path, seed: RecognisedWeights) -> Iterator[tuple[str, nn.Module]]:
    import timm

    arch, start = seed.architecture, "tf_" if seed.architecture.padding == "tensorflow" else ""
    pattern = start + _TIMM.get(seed.name, seed.name)
    for name in dict.fromkeys((timm_name(path), *(pattern.format(f"{width:03d}") for width in _WIDTHS))):
        if name and timm.is_model(name):
            yield f"timm's {name}", timm.create_model(name, num_classes=arch.classes)


def _efficientnet(name: str, arch: Architecture) -> Iterator[tuple[str, nn.Module]]:
    import efficientnet_lite_pytorch as package

    spelt, sides = name.replace("_", "-"), list(height_width(arch.resolution))
    original = package.EfficientNet.from_name(spelt, num_classes=arch.classes, image_size=sides)
    yield f"EfficientNet-PyTorch's {spelt}", original


def _torchvision(name: str, arch: Architecture) -> Iterator[tuple[str, nn.Module]]:
    from torchvision import models

    if arch.task != "classification":
        yield from _torchvision_dense(models, name, arch)
        return
    if name.startswith("squeezenet"):
        yield f"torchvision's {name}", getattr(models, name.replace("net_", "net"))(num_classes=arch.classes)
        return
    if name == "shufflenet_v2":
        for spelt in _SHUFFLE:
            yield f"torchvision's {name}", getattr(models, f"{name}_{spelt}")(num_classes=arch.classes)
        return
    for width in _WIDTHS:
        if known(f"{name}-{width / 100:g}").head.width == arch.head.width:
            yield f"torchvision's {name}", _of_width(models, name, width / 100, arch.classes)


def _torchvision_dense(models: Any, name: str, arch: Architecture) -> Iterator[tuple[str, nn.Module]]:
    room = models.detection if arch.task == "detection" else models.segmentation
    if hasattr(room, name):
        made = getattr(room, name)(weights=None, weights_backbone=None, num_classes=arch.classes)
        yield f"torchvision's {name}", made


def _of_width(models: Any, name: str, width: float, classes: int) -> nn.Module:
    match name:
        case "mobilenet_v2":
            return models.mobilenet_v2(width_mult=width, num_classes=classes)  # type: ignore[no-any-return]
        case "mnasnet_b1":
            return models.MNASNet(width, num_classes=classes)  # type: ignore[no-any-return]
        case _:
            rows, last = models.mobilenetv3._mobilenet_v3_conf(name, width_mult=width)
            return models.MobileNetV3(rows, last, num_classes=classes)  # type: ignore[no-any-return]
