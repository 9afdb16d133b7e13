"""OpenVINO on the CPU, float32 and int8: it runs the same ONNX files as ONNX Runtime."""

from pathlib import Path

from nas.design.graph import Graph
from nas.device.openvino_session import OpenvinoSession, version
from nas.errors import NasError
from nas.runtimes.graphs.onnx_graph import encode_onnx
from nas.runtimes.graphs.quantise import SEVEN_BITS
from nas.runtimes.runtime import Ranges, Weights, load_file, shortened

_EXPORTED = "a model written by 'nas export' or 'nas search' (ONNX, fixed input sizes)"


class OpenvinoRuntime:
    """The `Runtime` of OpenVINO."""

    name, suffix, in_thread = "openvino", ".onnx", True

    def __init__(self, threads: int = 1, batch: int = 1, precision: str = "float32") -> None:
        """Conditions of every model it opens; raises ImportError where openvino is not installed."""
        self.version = version()
        self.threads, self.batch, self.precision = threads, batch, precision

    def encode(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> bytes:
        """An ONNX file."""
        return encode_onnx(graph, weights, ranges, self.batch, self.precision, SEVEN_BITS)

    def open(self, content: bytes) -> OpenvinoSession:
        """A compiled model; raises NasError with OpenVINO's own reason."""
        try:
            return OpenvinoSession(content, self.threads, self.precision)
        except (RuntimeError, ValueError, TypeError) as error:
            raise NasError(f"OpenVINO {self.version} rejects the model: {_reason(error)}.") from error

    def compile(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> OpenvinoSession:
        """A compiled model of the graph."""
        return self.open(self.encode(graph, weights, ranges))

    def load(self, path: Path) -> OpenvinoSession:
        """A compiled model of a file; raises NasError where it is none."""
        return load_file(path, self.open, _EXPORTED)


def _reason(error: Exception) -> str:
    """The line that names the ops it does not know, else the first that is not a place in OpenVINO's source."""
    lines = [line.strip() for line in str(error).splitlines()]
    unknown = [line.lstrip("- ") for line in lines if "No conversion rule found" in line]
    plain = [line for line in lines if line and not line.startswith(_PLACES)]
    return shortened([*unknown, *plain, type(error).__name__])


_PLACES = ("Exception from", "Check '", "FrontEnd API failed")
