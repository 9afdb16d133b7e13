"""Optimisers, the running average of the weights, and the state of both in a checkpoint."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer, RMSprop
from torch.optim.swa_utils import get_ema_multi_avg_fn

from nas.design.graph import is_normed
from nas.errors import NasError
from nas.nets.network import Network
from nas.nets.training.recipe import Recipe
from nas.nets.weights.weights_file import State

_RAW = "raw"
# As torchvision trains MobileNetV3; TensorFlow's 0.001 stands under the root.
_RMS_EPS = 0.0316


def optimiser_of(network: Network, recipe: Recipe) -> Optimizer:
    """SGD with Nesterov momentum, or RMSProp with momentum; norms and biases are not decayed.

    A network without norms (SqueezeNet) has Adam: with SGD its classifier's ReLU died at every rate that was tried.
    """
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if not is_normed(network.graph):
        return Adam(groups, lr=recipe.normless_rate, fused=True)
    if recipe.optimiser == "rmsprop":
        return RMSprop(groups, lr=recipe.gentle_rate, alpha=0.9, eps=_RMS_EPS, momentum=recipe.momentum, foreach=True)
    return SGD(groups, lr=recipe.gentle_rate, momentum=recipe.momentum, nesterov=True, fused=True)


class Average:
    """The running average of a network's weights (Polyak and Juditsky 1992)."""

    def __init__(self, network: Network, decay: float) -> None:
        """It starts from the weights as they are."""
        self._update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self._current = list(network.parameters())
        self.values = [parameter.detach().clone() for parameter in self._current]

    def update(self) -> None:
        """After a step."""
        self._update(self.values, self._current, 1)

    def swap(self) -> None:
        """Exchange the network's weights and the averages."""
        with torch.no_grad():
            for parameter, value in zip(self._current, self.values, strict=True):
                kept = parameter.clone()
                parameter.copy_(value)
                value.copy_(kept)


def averaging(network: Network, decay: float) -> Average | None:
    """The average of a recipe that keeps one."""
    return Average(network, decay) if decay else None


def progress_of(network: Network, optimiser: Optimizer, average: Average | None = None) -> State:
    """All that a training is continued with beside the weights, named `{parameter}.{what}`.

    Where an average is kept, a checkpoint's weights are the averages, and those that are trained are in here.
    """
    found = {
        f"{name}.{slot}": value.detach()
        for name, parameter in network.named_parameters()
        for slot, value in optimiser.state[parameter].items()
        if isinstance(value, Tensor)
    }
    if average is not None:
        found |= {f"{name}.{_RAW}": parameter.detach().clone() for name, parameter in network.named_parameters()}
    return found


def load_progress(
    network: Network, optimiser: Optimizer, average: Average | None, progress: Mapping[str, Tensor]
) -> None:
    """Continue a training: `network` and `average` hold a checkpoint's weights, `progress` what was kept beside them.

    Raises NasError where it is of another recipe.
    """
    for name, parameter in network.named_parameters():
        slots = {key.rpartition(".")[2]: value for key, value in progress.items() if key.rpartition(".")[0] == name}
        raw = slots.pop(_RAW, None)
        if not slots or (raw is None) != (average is None) or ("square_avg" in slots) != isinstance(optimiser, RMSprop):
            raise NasError(
                f"{name}: the checkpoint to go on from was written with another recipe or version of nas. "
                "Start over with --fresh."
            )
        optimiser.state[parameter].update({slot: _like(parameter, value) for slot, value in slots.items()})
        if raw is not None:
            with torch.no_grad():
                parameter.copy_(raw)


def _like(parameter: Tensor, value: Tensor) -> Tensor:
    """A copy in the parameter's layout; counts of steps have none."""
    return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value.clone()
