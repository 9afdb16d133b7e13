"""Torch compiled by Inductor on the CPU, float32. It needs a C++ compiler on the machine."""

import inspect
from pathlib import Path
from typing import Any

import torch

from nas.design.graph import Graph
from nas.errors import NasError
from nas.runtimes.graphs.onnx_graph import encode_onnx
from nas.runtimes.graphs.shapes import input_shapes
from nas.runtimes.runtime import Ranges, Weights, first_line, load_file
from nas.runtimes.torch_runtime import TorchModel, fill_inputs, require_float32

_MOST_NETWORKS = 100_000


class TorchCompileRuntime:
    """The `Runtime` of compiled torch."""

    name, suffix, in_thread = "torch-compile", None, True

    def __init__(self, threads: int = 1, batch: int = 1, precision: str = "float32") -> None:
        """Sets the thread count of torch in this process; raises NasError without what compiling needs."""
        require_float32(self.name, precision)
        require_compiler()
        self.version = str(torch.__version__)
        self.threads, self.batch, self.precision = threads, batch, precision
        torch.set_num_threads(threads)
        # A table has a thousand networks in one process; torch takes 256 versions of one forward for a mistake.
        config: Any = torch._dynamo.config
        config.accumulated_recompile_limit = max(config.accumulated_recompile_limit, _MOST_NETWORKS)

    def encode(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> bytes:
        """An ONNX file: what torch compiles stays in memory."""
        return encode_onnx(graph, weights, None, self.batch, self.precision)

    def open(self, content: bytes) -> TorchModel:
        """Raises NasError: torch runs graphs, not files."""
        raise NasError(f"{self.name} opens no model files; use --runtime onnxruntime for them.")

    def compile(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> TorchModel:
        """A compiled module; raises RuntimeError where the weights do not fit it, NasError where Inductor fails."""
        from torch._dynamo.exc import TorchDynamoException

        # Isolated: all networks share one forward, and torch would else look for theirs among everybody's versions of
        # it at every call, and give up at the ninth.
        compiler: Any = torch.compile  # its types do not know the last word yet
        module = compiler(fill_inputs(graph, weights).outputs, fullgraph=True, dynamic=False, isolate_recompiles=True)
        model = TorchModel(module, input_shapes(graph, self.batch))
        try:
            model.run()
        except TorchDynamoException as error:
            reason = first_line(getattr(error, "inner_exception", error))
            raise NasError(f"torch {self.version} cannot compile the network: {reason}.") from error
        return model

    def load(self, path: Path) -> TorchModel:
        """Raises NasError: torch runs graphs, not files."""
        return load_file(path, self.open, "an architecture and its weights")


def require_compiler() -> None:
    """Raises NasError where torch cannot compile on this machine."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    if "isolate_recompiles" not in inspect.signature(torch.compile).parameters:
        raise NasError(
            f"torch-compile needs torch 2.13 or newer, and this is {torch.__version__}: pip install -U torch"
        )
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise NasError("torch-compile needs a C++ compiler, and none was found: apt install g++") from error
