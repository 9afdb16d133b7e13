"""A runtime whose models answer as ONNX Runtime's do and take the time of a simulated device."""

from collections.abc import Mapping
from pathlib import Path

from nas.design.graph import Graph
from nas.runtimes.onnx_runtime import OnnxRuntime
from nas.runtimes.runtime import Array, Model, Ranges
from tests.bench.device import Device, SimulatedModel, SimulatedRuntime


class ShippingRuntime(SimulatedRuntime):
    """The simulated runtime with model files, so that a whole run can export and prove its networks."""

    suffix = ".onnx"

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self._onnx = OnnxRuntime()
        self._plans: dict[bytes, Graph] = {}

    def encode(self, graph: Graph, weights: Mapping[str, Array] | None = None, ranges: Ranges | None = None) -> bytes:
        content = self._onnx.encode(graph, weights, ranges)
        self._plans[content] = graph
        return content

    def open(self, content: bytes) -> SimulatedModel:
        return _ShippedModel(self.device, self._known(content), self._onnx.open(content))

    def load(self, path: Path) -> SimulatedModel:
        return self.open(path.read_bytes())

    def _known(self, content: bytes) -> Graph:
        """The plan of a file; what it says of itself is added at its end."""
        return next(graph for known, graph in self._plans.items() if content.startswith(known))


class _ShippedModel(SimulatedModel):
    def __init__(self, device: Device, graph: Graph, model: Model) -> None:
        super().__init__(device, graph)
        self._model = model

    def __call__(self, *arrays: Array) -> Array:
        return self._model(*arrays)
