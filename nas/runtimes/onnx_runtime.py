"""ONNX Runtime on the CPU: one thread, batch 1, all graph optimisations."""

import math
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import onnxruntime as ort

from nas.design.plan import Plan
from nas.errors import NasError
from nas.runtimes.onnx_graph import to_onnx
from nas.runtimes.runtime import Array

_EXPORTED = "a model written by 'nas export' or 'nas search' (ONNX, float32, fixed input sizes, one output)"


class OnnxModel:
    """A session with preset inputs."""

    def __init__(self, session: ort.InferenceSession) -> None:
        """Presets each input with seeded normal noise."""
        self._session = session
        self._names = [value.name for value in session.get_inputs()]
        self._binding = session.io_binding()
        for number, value in enumerate(session.get_inputs()):
            self._binding.bind_ortvalue_input(value.name, _preset(number, tuple(value.shape)))
        (output,) = session.get_outputs()
        self._binding.bind_output(output.name, "cpu")

    def __call__(self, *arrays: Array) -> Array:
        """The output for inputs in the order of the graph."""
        (output,) = self._session.run(None, dict(zip(self._names, arrays, strict=True)))
        return np.asarray(output, np.float32)

    def run(self) -> None:
        """One inference on the preset inputs."""
        self._session.run_with_iobinding(self._binding)


class OnnxRuntime:
    """The `Runtime` of ONNX Runtime."""

    name = "onnxruntime"
    threads = 1

    def __init__(self) -> None:
        """Options hold for every session."""
        self.version = str(ort.__version__)
        self._options = _options()

    def compile(self, plan: Plan, weights: Mapping[str, Array] | None = None) -> OnnxModel:
        """A session of the plan's graph."""
        return self._open(to_onnx(plan, weights).SerializeToString())

    def load(self, path: Path) -> OnnxModel:
        """A session of a model file; raises NasError where it is none."""
        try:
            return self._open(path.read_bytes())
        except OSError as error:
            raise NasError(f"{path} cannot be read ({error.strerror}); give {_EXPORTED}.") from error
        except (*_LOAD_ERRORS, ValueError, TypeError) as error:
            raise NasError(f"{path} is no model that this program can run; give {_EXPORTED}.") from error

    def _open(self, content: bytes) -> OnnxModel:
        return OnnxModel(ort.InferenceSession(content, self._options, providers=["CPUExecutionProvider"]))


@cache
def _noise(number: int, size: int) -> Array:
    return np.random.default_rng(number).standard_normal(size, np.float32)


def _preset(number: int, shape: tuple[int, ...]) -> ort.OrtValue:
    """Noise for the input of this number. Sessions read the same memory: a table's thousand would else hold a GB."""
    size = math.prod(shape)
    # Powers of two, so that few blocks serve all shapes.
    return ort.OrtValue.ortvalue_from_numpy(_noise(number, 1 << (size - 1).bit_length())[:size].reshape(shape))


@lru_cache(maxsize=1)
def _share_arena() -> None:
    """One memory arena for all sessions of the process, which grows by what is asked, not to the next power of two.

    Measured in turns, networks run as fast as with an arena each.
    """
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    growth = {"max_mem": 0, "arena_extend_strategy": 1, "initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(growth))


_LOAD_ERRORS = (
    ort.capi.onnxruntime_pybind11_state.Fail,
    ort.capi.onnxruntime_pybind11_state.InvalidArgument,
    ort.capi.onnxruntime_pybind11_state.InvalidGraph,
    ort.capi.onnxruntime_pybind11_state.InvalidProtobuf,
    ort.capi.onnxruntime_pybind11_state.NotImplemented,
)


def _options() -> ort.SessionOptions:
    _share_arena()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 3
    return options
