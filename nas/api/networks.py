"""Networks from Python: by name, as a torch module, and from one."""

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from nas.api.check import check_architecture, check_text, check_whole, read_resolution
from nas.api.options.python_names import in_python
from nas.api.start_network import open_network, read_given
from nas.design.architecture import LEAST_SIDE, Architecture
from nas.design.files import resolve
from nas.design.size import Size
from nas.errors import NasError
from nas.interfaces import say_nothing

if TYPE_CHECKING:
    from torch import nn

    from nas.nets.network import Network


@in_python()
def network(source: str | Path, classes: int | None = None, resolution: Size | str | None = None) -> Architecture:
    """A network as a value: its blocks, without weights.

    Args:
        source: a known network's name, `NAME[-WIDTH[-RESOLUTION]]`, or the path of an architecture.json.
        classes: how many classes a network given by name tells apart, if not as many as it was published for.
        resolution: its input in pixels, if another than the network's own: a square's side, (height, width), or a
            text like "192x320".

    Returns:
        The architecture.

    Raises:
        InvalidArchitecture: for a name that is not known or a file that breaks a rule.

    >>> network("mobilenet_v3_small-0.5-96").resolution
    96
    """
    check_text("source", source, "network: give a name or the path of an architecture.json")
    _, found = resolve(str(source), None if classes is None else check_whole("classes", classes, 2, 100_000))
    return found if resolution is None else replace(found, resolution=read_resolution(resolution, LEAST_SIDE))


@in_python()
def module(architecture: Architecture, weights: str | Path | None = None, seed: int = 0) -> "Network":
    """An architecture as an ordinary `torch.nn.Module`, in evaluation mode.

    It takes images float [N, 3, height, width] with ImageNet's mean and deviation, and gives logits [N, classes], a
    segmenter [N, classes, height, width]. A detector has a method `outputs`, which gives scores
    and boxes of its anchors.

    Args:
        architecture: of which the module is made.
        weights: a file of them, ours or one of a known library; without any they are random.
        seed: of random weights.

    Returns:
        The module. Names of its state dict are `{node}.{part}.{tensor}`.

    Raises:
        NasError: where the weights do not fit.
    """
    from nas.design.graph import lower
    from nas.nets.network import build, with_weights
    from nas.nets.weights.weights_file import load_weights

    check_architecture(architecture)
    number = check_whole("seed", seed, 0)
    if weights is None:
        return build(lower(architecture), seed=number).eval()
    check_text("weights", weights, "file of weights")
    loaded = load_weights(Path(weights), architecture)
    if loaded.fresh:
        raise NasError(f"{weights}: lacks {', '.join(loaded.fresh)} for {architecture.classes} classes.")
    return with_weights(lower(architecture), loaded.state).eval()


@in_python()
def from_torch(model: "nn.Module", out: str | Path = "weights.safetensors") -> Architecture:
    """Recognise a model of torchvision, timm or EfficientNet-PyTorch, and write its weights as ours.

    What belongs to weights but is no tensor (normalisation, epsilon, padding) comes along and is in the architecture.

    Args:
        model: a MobileNetV2 or V3, MnasNet or EfficientNet-Lite of those libraries, of any width.
        out: the file to write; `nas.netadapt`, `nas.train` and `nas.export` take it with the architecture.

    Returns:
        The architecture of these weights.

    Raises:
        NasError: where the model is none of these, with what does not fit.
    """
    import tempfile

    import torch

    from nas.nets.weights.weights_file import load_weights, save_weights

    if not isinstance(model, torch.nn.Module):
        raise NasError(f"model={model!r}: is no torch.nn.Module.")
    check_text("out", out, "path")
    with tempfile.TemporaryDirectory(prefix="nas-model-") as folder:
        path = Path(folder) / f"{type(model).__module__.partition('.')[0]}.pth"
        torch.save(model.state_dict(), path)
        start = open_network(str(path), None, read_given(None, None, _norm_eps(model), None), say_nothing)
        found = load_weights(path, start.architecture)
    save_weights(Path(out), found.state)
    return start.architecture


def _norm_eps(model: "nn.Module") -> float | None:
    """The epsilon of the model's own norms: no tensor says it."""
    from torch import nn

    return next((float(part.eps) for part in model.modules() if isinstance(part, nn.BatchNorm2d)), None)
