"""`find_traits`: what belongs to weights but is no tensor: input normalisation, epsilon of the norms, padding.

Sources: torchvision's transforms and models; timm's default_cfgs (timm/models/mobilenetv3.py, efficientnet.py), in
which the name of the weights decides; EfficientNet-PyTorch's Lite, whose mean is 127 and deviation 128 of 255.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from nas.design.architecture import IMAGENET_MEAN, IMAGENET_STD, Architecture, Channels
from nas.design.op import Padding
from nas.nets.weights.foreign import Naming

_TIMM_EPS, _TENSORFLOW_EPS = 1e-5, 1e-3
_HALF: Channels = (0.5, 0.5, 0.5)
_LITE_MEAN: Channels = (127 / 255, 127 / 255, 127 / 255)
_LITE_STD: Channels = (128 / 255, 128 / 255, 128 / 255)
_TIMM_NAME = re.compile(r"(?<![a-z0-9])(tf_)?(mobilenetv[1-4]|s?e?mnasnet|efficientnet_lite)[0-9a-z_]*")


class Traits(Struct, frozen=True):
    """Of an architecture, what weights bring along; None is not known."""

    mean: Channels | None = None
    std: Channels | None = None
    norm_eps: float | None = None
    padding: Padding | None = None

    def over(self, arch: Architecture) -> Architecture:
        """The architecture with all that is known here."""
        return replace(arch, **{name: value for name, value in asdict(self).items() if value is not None})


class Found(Struct, frozen=True):
    """Traits and where they are known from, as a note for people."""

    traits: Traits
    note: str


def find_traits(path: Path, layout: Naming, norm_eps: float, hints: Mapping[str, Any]) -> Found:
    """What belongs to weights that a library names as `layout`; `norm_eps` is torchvision's of this network.

    `hints` are what a training noted in the file.
    """
    match layout:
        case "timm":
            return _timm(path, hints)
        case "timm Xception":
            traits = Traits(_HALF, _HALF, _TIMM_EPS, "symmetric")
        case "torchvision SSDLite":
            traits = Traits(_HALF, _HALF, norm_eps, "symmetric")
        case "EfficientNet-PyTorch":
            traits = Traits(_LITE_MEAN, _LITE_STD, _TENSORFLOW_EPS, "tensorflow")
        case _:
            traits = Traits(IMAGENET_MEAN, IMAGENET_STD, norm_eps, "symmetric")
    return Found(traits, f"As {layout.partition(' ')[0]} has it: {describe_traits(traits)}.")


def describe_traits(traits: Traits) -> str:
    """Traits in words."""
    return (
        f"mean {_describe(traits.mean)} and deviation {_describe(traits.std)} of the input, "
        f"epsilon {traits.norm_eps:g}, {'TensorFlow’s' if traits.padding == 'tensorflow' else 'symmetric'} padding"
    )


def _describe(channels: Channels | None) -> str:
    values = [f"{value:.3g}" for value in channels or ()]
    return ", ".join(values if len(set(values)) > 1 else values[:1])


def _timm(path: Path, hints: Mapping[str, Any]) -> Found:
    """By the name of the weights, which is in their path, in a `config.json` beside them or in the file."""
    config = _config(path)
    cfg = config.get("pretrained_cfg") if isinstance(config.get("pretrained_cfg"), dict) else config
    named = [config.get("architecture"), hints.get("arch"), hints.get("model"), *reversed(path.absolute().parts)]
    text = next((str(name).lower() for name in named if name and _TIMM_NAME.search(str(name).lower())), None)
    if text is None and path.name.lower().startswith("tf_"):
        text = path.name.lower()
    traits = _by_name(text or "")
    for source in (cfg or {}, hints):
        traits = Traits(
            _triple(source.get("mean")) or traits.mean,
            _triple(source.get("std")) or traits.std,
            source["bn_eps"] if isinstance(source.get("bn_eps"), float) else traits.norm_eps,
            traits.padding,
        )
    told = describe_traits(traits)
    if text is None and _triple((cfg or {}).get("mean") or hints.get("mean")) is None:
        return Found(
            traits,
            f"Nothing says with which normalisation {path.name} was trained, so timm's usual one is taken: {told}. "
            "If it was another, say --mean, --std, --norm-eps or --padding.",
        )
    return Found(traits, f"From {text or 'config.json'}: {told}.")


def timm_name(path: Path) -> str | None:
    """The name of timm's network in a path, like `tf_mobilenetv3_small_100`."""
    found = (_TIMM_NAME.search(part.lower()) for part in reversed(path.absolute().parts))
    return next((match[0] for match in found if match), None)


def _by_name(text: str) -> Traits:
    if text.startswith("tf_") or re.search(r"(?<![a-z0-9])tf_(mobilenet|mnasnet|efficientnet)", text):
        return Traits(_HALF, _HALF, _TENSORFLOW_EPS, "tensorflow")
    eps = _TENSORFLOW_EPS if "mobilenetv3_rw" in text else _TIMM_EPS
    if "miil" in text:
        return Traits((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), eps, "symmetric")
    if "ra4_e3600" in text or "mobilenetv1_" in text:
        return Traits(_HALF, _HALF, eps, "symmetric")
    return Traits(IMAGENET_MEAN, IMAGENET_STD, eps, "symmetric")


def _config(path: Path) -> dict[str, Any]:
    """The `config.json` that timm's hub puts beside weights."""
    try:
        found = json.loads((path.parent / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def told_classes(path: Path, count: int) -> tuple[str, ...]:
    """The names of this many classes that a `config.json` beside weights tells; none if it does not."""
    found = _config(path).get("classes")
    told = isinstance(found, list) and len(found) == count and all(isinstance(name, str) for name in found)
    return tuple(found) if told and found else ()


def _triple(value: Any) -> Channels | None:
    """Three numbers of pixels from 0 to 1; None for anything else."""
    if isinstance(value, list | tuple) and len(value) == 3 and all(isinstance(one, int | float) for one in value):
        return float(value[0]), float(value[1]), float(value[2])
    return None
