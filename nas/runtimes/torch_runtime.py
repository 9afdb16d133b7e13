"""Torch on the CPU: eager, one thread, batch 1, float32."""

from collections.abc import Mapping

import numpy as np
import torch

from nas.design.plan import Plan
from nas.nets.build import Network, build
from nas.runtimes.onnx_graph import input_shapes, random_weights
from nas.runtimes.runtime import Array

# Batch norm's count of batches: training's own affair, part of torch's state but not of the weights.
_COUNT = "num_batches_tracked"


class TorchModel:
    """A module in evaluation mode with preset inputs."""

    def __init__(self, module: Network, shapes: tuple[tuple[int, ...], ...]) -> None:
        """Presets each input with seeded normal noise."""
        generator = torch.Generator().manual_seed(0)
        self._module = module
        self._preset = [torch.randn(shape, generator=generator) for shape in shapes]

    def __call__(self, *arrays: Array) -> Array:
        """The output for inputs in the order of the plan."""
        with torch.inference_mode():
            output = self._module(*(torch.from_numpy(array) for array in arrays))
        return np.asarray(output.numpy(), np.float32)

    def run(self) -> None:
        """One inference on the preset inputs."""
        with torch.inference_mode():
            self._module(*self._preset)


class TorchRuntime:
    """The `Runtime` of eager torch."""

    name = "torch"
    threads = 1

    def __init__(self) -> None:
        """Sets torch to one thread in this process: its thread count is a condition of every timing."""
        self.version = str(torch.__version__)
        torch.set_num_threads(1)

    def compile(self, plan: Plan, weights: Mapping[str, Array] | None = None) -> TorchModel:
        """A module of the plan; raises RuntimeError where the weights do not fit it."""
        module = build(plan)
        state = random_weights(plan) if weights is None else weights
        counts = {name: value for name, value in module.state_dict().items() if name.endswith(_COUNT)}
        module.load_state_dict({name: torch.from_numpy(np.asarray(array)) for name, array in state.items()} | counts)
        return TorchModel(module.eval(), input_shapes(plan))
