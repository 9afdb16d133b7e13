"""LiteRT (TFLite with XNNPACK) on the CPU, float32 and int8."""

from pathlib import Path

from nas.design.graph import Graph
from nas.device.litert_session import LitertSession, version
from nas.errors import NasError
from nas.runtimes.graphs.quantise import random_ranges
from nas.runtimes.graphs.tflite_graph import to_tflite
from nas.runtimes.runtime import Ranges, Weights, first_line, load_file

_EXPORTED = "a model written by 'nas export' or 'nas search' (TFLite, fixed input sizes)"


class LitertRuntime:
    """The `Runtime` of LiteRT."""

    name, suffix, in_thread = "litert", ".tflite", True

    def __init__(self, threads: int = 1, batch: int = 1, precision: str = "float32") -> None:
        """Conditions of every model it opens."""
        self.version = version()
        self.threads, self.batch, self.precision = threads, batch, precision

    def encode(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> bytes:
        """A TFLite file."""
        if self.precision == "float32":
            return to_tflite(graph, weights, batch=self.batch)
        return to_tflite(graph, weights, random_ranges(graph) if ranges is None else ranges, self.batch)

    def open(self, content: bytes) -> LitertSession:
        """A session; raises NasError with LiteRT's own reason."""
        try:
            return LitertSession(content, self.threads, self.precision)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise NasError(f"LiteRT {self.version} rejects the model: {first_line(error)}.") from error

    def compile(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> LitertSession:
        """A session of the graph."""
        return self.open(self.encode(graph, weights, ranges))

    def load(self, path: Path) -> LitertSession:
        """A session of a model file; raises NasError where it is none."""
        return load_file(path, self.open, _EXPORTED)
