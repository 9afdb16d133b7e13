"""ONNX Runtime on the CPU: all graph optimisations, one arena for all sessions."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.device.noise import noise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OnnxSession:
    """One model with preset inputs, at as many threads as said."""

    def __init__(self, content: bytes, threads: int = 1, precision: str = "float32") -> None:
        """Opens a whole ONNX file; raises ImportError without onnxruntime, its own errors where it is no model."""
        import onnxruntime as ort

        self.precision = precision  # what the file says: its layers execute as they are written
        self._session = ort.InferenceSession(content, _options(threads), providers=["CPUExecutionProvider"])
        self._names = [value.name for value in self._session.get_inputs()]
        self._binding = self._session.io_binding()
        for number, value in enumerate(self._session.get_inputs()):
            preset = ort.OrtValue.ortvalue_from_numpy(noise(number, fixed(value.name, value.shape)))
            self._binding.bind_ortvalue_input(value.name, preset)
        (output,) = self._session.get_outputs()
        self._binding.bind_output(output.name, "cpu")

    def __call__(self, *arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """The output, float32, for inputs in the order of the graph."""
        import numpy as np

        (output,) = self._session.run(None, {name: arrays[i] for i, name in enumerate(self._names)})
        return np.asarray(output, np.float32)

    def run(self) -> None:
        """One inference on the preset inputs."""
        self._session.run_with_iobinding(self._binding)


def version() -> str:
    """Of the installed library; raises ImportError where there is none."""
    import onnxruntime as ort

    return str(ort.__version__)


def library() -> Path:
    """The file that holds the kernels."""
    from onnxruntime.capi import onnxruntime_pybind11_state

    return Path(onnxruntime_pybind11_state.__file__)


def fixed(name: str, shape: list[Any]) -> tuple[int, ...]:
    """A shape whose every side is a number; raises ValueError otherwise."""
    if not all(isinstance(side, int) and side > 0 for side in shape):
        raise ValueError(f"its input {name} has no fixed sizes: {shape}")
    return tuple(shape)


@lru_cache(maxsize=1)
def _share_arena() -> None:
    """One memory arena for all sessions of the process, which grows by what is asked, not to the next power of two.

    Measured in turns, networks run as fast as with an arena each.
    """
    import onnxruntime as ort

    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    growth = {"max_mem": 0, "arena_extend_strategy": 1, "initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(growth))


def _options(threads: int) -> Any:
    import onnxruntime as ort

    _share_arena()
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 3
    return options
