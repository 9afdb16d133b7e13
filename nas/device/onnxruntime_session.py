"""ONNX Runtime on the CPU: all graph optimisations, one arena for all sessions, no telemetry."""

from __future__ import annotations

import json
import os
import tempfile
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.device.codes import from_bytes, parse_code, to_bytes
from nas.device.noise import random_input
from nas.device.profile import WARM_RUNS, settle_nodes, time_plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# What a profile calls the run of a node's kernel.
_KERNEL = "_kernel_time"


class OnnxSession:
    """One model with preset inputs, at as many threads as said."""

    def __init__(self, content: bytes, threads: int = 1, precision: str = "float32") -> None:
        """Opens a whole ONNX file; raises ImportError without onnxruntime, its own errors where it is no model."""
        ort = silent_onnxruntime()
        self.precision = precision  # what the file says: its layers execute as they are written
        self._session = ort.InferenceSession(content, _options(threads), providers=["CPUExecutionProvider"])
        self._names = [value.name for value in self._session.get_inputs()]
        self._binding = _bind(self._session)
        self._outputs = [str(value.name) for value in self._session.get_outputs()]
        said = self._session.get_modelmeta().custom_metadata_map
        self._codes = {name: parse_code(said[name]) for name in (*self._names, *self._outputs) if name in said}

    def __call__(self, *arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """The only output, float32, for inputs in the order of the graph."""
        (output,) = self.outputs(*arrays)
        return output

    def outputs(self, *arrays: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """All outputs, float32, in the order of the graph's."""
        fed = {name: self._fed(name, arrays[i]) for i, name in enumerate(self._names)}
        found = zip(self._outputs, self._session.run(self._outputs, fed), strict=True)
        return tuple(self._given(name, output) for name, output in found)

    def _given(self, name: str, output: NDArray[Any]) -> NDArray[np.float32]:
        import numpy as np

        code = self._codes.get(name)
        return from_bytes(output, code) if code else np.asarray(output, np.float32)

    def _fed(self, name: str, array: NDArray[np.float32]) -> NDArray[Any]:
        code = self._codes.get(name)
        return to_bytes(array, code) if code else array

    def run(self) -> None:
        """One inference on the preset inputs."""
        self._session.run_with_iobinding(self._binding)


def nodes(content: bytes, threads: int, runs: int) -> list[tuple[str, float]]:
    """(name, milliseconds) of every node that runs, in order, over runs under the profiler, without its own time."""
    ort = silent_onnxruntime()
    with tempfile.TemporaryDirectory() as folder:
        options = _options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = f"{folder}/profile"
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        binding = _bind(session)
        for _ in range(WARM_RUNS + runs):
            session.run_with_iobinding(binding)
        events = json.loads(Path(session.end_profiling()).read_text())
    plain_ms = time_plain(lambda: session.run_with_iobinding(binding), runs, threads == 1)
    found: dict[str, list[float]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            found.setdefault(event["name"][: -len(_KERNEL)], []).append(event["dur"] / 1000)
    return settle_nodes({name: times[WARM_RUNS:] for name, times in found.items()}, plain_ms)


def _bind(session: Any) -> Any:
    """A session's preset inputs and its outputs, bound once."""
    binding = session.io_binding()
    for number, value in enumerate(session.get_inputs()):
        preset = silent_onnxruntime().OrtValue.ortvalue_from_numpy(_noise(number, value))
        binding.bind_ortvalue_input(value.name, preset)
    for output in session.get_outputs():
        binding.bind_output(output.name, "cpu")
    return binding


def version() -> str:
    """Of the installed library; raises ImportError where there is none."""
    return str(silent_onnxruntime().__version__)


def library() -> Path:
    """The file that holds the kernels."""
    return Path(silent_onnxruntime().capi.onnxruntime_pybind11_state.__file__)


def silent_onnxruntime() -> Any:
    """Imports the module with its telemetry off; raises ImportError if there is none.

    The bare import of its Linux wheels (from 1.29 on) writes a device id and a database into the user's cache folder
    and reports every session to its maker.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    return import_module("onnxruntime")


def _noise(number: int, value: Any) -> NDArray[Any]:
    """The preset of an input; raises ValueError where a side is no number or its type is none that we write."""
    if not all(isinstance(side, int) and side > 0 for side in value.shape):
        raise ValueError(f"its input {value.name} has no fixed sizes: {value.shape}")
    if value.type not in _KINDS:
        raise ValueError(f"its input {value.name} takes {value.type}, not float32 or bytes")
    return random_input(number, tuple(value.shape), _KINDS[value.type])


_KINDS = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}


@lru_cache(maxsize=1)
def _share_arena() -> None:
    """One memory arena for all sessions of the process, which grows by what is asked, not to the next power of two.

    Measured in turns, networks run as fast as with an arena each.
    """
    ort = silent_onnxruntime()
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    growth = {"max_mem": 0, "arena_extend_strategy": 1, "initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(growth))


def _options(threads: int) -> Any:
    ort = silent_onnxruntime()
    _share_arena()
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.use_env_allocators", "1")
    # On x86 processors without VNNI int8 sums overflow silently unless this is set; elsewhere it changes nothing.
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3
    return options
