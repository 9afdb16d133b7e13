"""Torch on the CPU: eager, float32."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from nas.design.graph import Graph
from nas.design.op import has_norm
from nas.device.noise import random_input
from nas.errors import NasError
from nas.nets.network import Network, with_weights
from nas.runtimes.graphs.onnx_graph import encode_onnx
from nas.runtimes.graphs.random_weights import random_weights
from nas.runtimes.graphs.shapes import input_shapes
from nas.runtimes.runtime import Array, Ranges, Weights, load_file


class TorchModel:
    """A module in evaluation mode with preset inputs."""

    def __init__(self, module: Callable[..., tuple[torch.Tensor, ...]], shapes: tuple[tuple[int, ...], ...]) -> None:
        """Presets each input with seeded normal noise."""
        self._module, self._preset = module, preset(shapes)

    def __call__(self, *arrays: Array) -> Array:
        """The only output for inputs in the order of the graph."""
        (output,) = self.outputs(*arrays)
        return output

    def outputs(self, *arrays: Array) -> tuple[Array, ...]:
        """All outputs, in the order of the graph's."""
        with torch.inference_mode():
            found = self._module(*(torch.from_numpy(array) for array in arrays))
        return tuple(np.asarray(output.numpy(), np.float32) for output in found)

    def run(self) -> None:
        """One inference on the preset inputs."""
        with torch.inference_mode():
            self._module(*self._preset)


class TorchRuntime:
    """The `Runtime` of eager torch."""

    name, suffix, in_thread = "torch", None, True

    def __init__(self, threads: int = 1, batch: int = 1, precision: str = "float32") -> None:
        """Sets the thread count of torch in this process: it is a condition of every timing."""
        require_float32(self.name, precision)
        self.version = str(torch.__version__)
        self.threads, self.batch, self.precision = threads, batch, precision
        torch.set_num_threads(threads)

    def encode(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> bytes:
        """An ONNX file: torch has no file of its own that is safe to read back."""
        return encode_onnx(graph, weights, None, self.batch, self.precision)

    def open(self, content: bytes) -> TorchModel:
        """Raises NasError: torch runs graphs, not files."""
        raise NasError(f"{self.name} opens no model files; use --runtime onnxruntime for them.")

    def compile(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> TorchModel:
        """A module of the graph; raises RuntimeError where the weights do not fit it."""
        return TorchModel(fill_inputs(graph, weights).outputs, input_shapes(graph, self.batch))

    def load(self, path: Path) -> TorchModel:
        """Raises NasError: torch runs graphs, not files."""
        return load_file(path, self.open, "an architecture and its weights")


def preset(shapes: tuple[tuple[int, ...], ...]) -> list[torch.Tensor]:
    """Inputs of timed runs."""
    return [torch.from_numpy(random_input(number, shape)) for number, shape in enumerate(shapes)]


def fill_inputs(graph: Graph, weights: Weights | None) -> Network:
    """The graph's module in evaluation mode; raises RuntimeError where the weights do not fit it.

    It takes images as the graph's model files do, with the graph's own mean and deviation.
    """
    arrays = random_weights(graph) if weights is None else weights
    state = {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}
    # Batch norm's count of batches: training's own affair, part of torch's state but not of the weights.
    counts = {f"{node.name}.norm.num_batches_tracked": _NONE for node in graph.nodes if has_norm(node.op)}
    network = with_weights(graph, state | counts).eval()
    network.rescaled = None
    return network


_NONE = torch.tensor(0)


def require_float32(runtime: str, precision: str) -> None:
    """Raises NasError for any other precision."""
    if precision != "float32":
        raise NasError(f"{runtime} runs float32 only; for {precision} use --runtime onnxruntime, openvino or litert.")
