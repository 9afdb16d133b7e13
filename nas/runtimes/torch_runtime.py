"""Torch on the CPU: eager, one thread, batch 1, float32."""

from collections.abc import Mapping

import numpy as np
import torch

from nas.design.plan import Plan
from nas.nets.build import Network, build
from nas.runtimes.onnx_graph import input_shapes
from nas.runtimes.runtime import Array


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
        if weights is not None:
            state = {name: torch.from_numpy(np.asarray(array)) for name, array in weights.items()}
            module.load_state_dict({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, False)
        return TorchModel(module.eval(), input_shapes(plan))
