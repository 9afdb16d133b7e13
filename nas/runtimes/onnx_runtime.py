"""ONNX Runtime on the CPU, float32 and int8."""

from pathlib import Path

from nas.design.graph import Graph
from nas.device.onnxruntime_session import OnnxSession, silent_onnxruntime, version
from nas.errors import NasError
from nas.runtimes.graphs.onnx_graph import encode_onnx
from nas.runtimes.runtime import Ranges, Weights, first_line, load_file

_EXPORTED = "a model written by 'nas export' or 'nas search' (ONNX, fixed input sizes)"


class OnnxRuntime:
    """The `Runtime` of ONNX Runtime."""

    name, suffix, in_thread = "onnxruntime", ".onnx", True

    def __init__(self, threads: int = 1, batch: int = 1, precision: str = "float32") -> None:
        """Conditions of every model it opens."""
        self.version = version()
        self.threads, self.batch, self.precision = threads, batch, precision

    def encode(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> bytes:
        """An ONNX file."""
        return encode_onnx(graph, weights, ranges, self.batch, self.precision)

    def open(self, content: bytes) -> OnnxSession:
        """A session; raises NasError with ONNX Runtime's own reason."""
        try:
            return OnnxSession(content, self.threads, self.precision)
        except (*_ERRORS, ValueError, TypeError) as error:
            raise NasError(f"ONNX Runtime {self.version} rejects the model: {first_line(error)}.") from error

    def compile(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> OnnxSession:
        """A session of the graph."""
        return self.open(self.encode(graph, weights, ranges))

    def load(self, path: Path) -> OnnxSession:
        """A session of a model file; raises NasError where it is none."""
        return load_file(path, self.open, _EXPORTED)


_STATE = silent_onnxruntime().capi.onnxruntime_pybind11_state
_ERRORS = (
    _STATE.Fail,
    _STATE.InvalidArgument,
    _STATE.InvalidGraph,
    _STATE.InvalidProtobuf,
    _STATE.NotImplemented,
    _STATE.RuntimeException,
)
