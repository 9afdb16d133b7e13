"""Training passes as CUDA graphs: a small network's kernels are done before the next one is launched from Python."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from nas.nets.network import Network
from nas.nets.tasks.task import Outputs

Pass = Callable[[Tensor], Outputs]
"""From images [N, 3, S, S] to all outputs; differentiable."""

_WORTH = 50  # steps that pay for recording


class Recorded:
    """A network in training whose forward and backward passes are recorded once for every size of its images."""

    def __init__(self, network: Network) -> None:
        """The network is trained in place and stays as it is."""
        self._network = network
        self._passes: dict[torch.Size, Pass] = {}

    def __call__(self, images: Tensor) -> Outputs:
        """Outputs for images [N, 3, S, S] on a GPU; the next call overwrites them."""
        known = self._passes.get(images.shape)
        if known is None:
            recorded = torch.cuda.make_graphed_callables(_Whole(self._network), (images.clone(),))
            known = self._passes[images.shape] = cast(Pass, recorded)
        return known(images)


class _Whole(nn.Module):
    """A module of its own for every recording: PyTorch puts the recorded pass in place of the module's forward."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Outputs:
        """The network's."""
        return self.network.outputs(images)


def training_pass(network: Network, steps: int) -> Pass:
    """The network's pass in a training of so many steps: recorded on a GPU, where that pays."""
    on_gpu = next(network.parameters()).device.type == "cuda"
    return Recorded(network) if on_gpu and steps >= _WORTH else network.outputs
