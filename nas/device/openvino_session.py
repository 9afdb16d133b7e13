"""OpenVINO on the CPU: synchronous, latency hint, no silent half precision, no telemetry."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.device.codes import Code, from_bytes, parse_code, to_bytes
from nas.device.noise import random_input, scratch
from nas.device.profile import WARM_RUNS, settle_nodes, time_plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OpenvinoSession:
    """One model with preset inputs, at as many threads as said."""

    def __init__(self, content: bytes, threads: int = 1, precision: str = "float32") -> None:
        """Opens a whole ONNX file; raises ImportError without openvino, RuntimeError where it is no model."""
        ov = silent_openvino()
        self.precision = precision  # what the file says: float32 is asked for whatever it does not quantise
        core = _core()
        read = core.read_model(content)
        self._model = core.compile_model(read, "CPU", _options(threads))
        asked = self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if asked != "f32":
            raise RuntimeError(f"its floats would run as {asked}, not f32")
        self._request = self._model.create_infer_request()
        self._taken, self._given = (
            [_code(read, port) for port in ports] for ports in (self._model.inputs, self._model.outputs)
        )
        self._kept = [_noise(number, port) for number, port in enumerate(self._model.inputs)]
        for number, array in enumerate(self._kept):
            self._request.set_input_tensor(number, ov.Tensor(array, shared_memory=True))
        for number, output in enumerate(self._model.outputs):
            self._kept.append(scratch(_fixed(output), _kind(output)))
            self._request.set_output_tensor(number, ov.Tensor(self._kept[-1], shared_memory=True))

    def __call__(self, *arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """The only output, float32, for inputs in the order of the graph."""
        (output,) = self.outputs(*arrays)
        return output

    def outputs(self, *arrays: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """All outputs, float32, in the order of the graph's."""
        import numpy as np

        request = self._model.create_infer_request()
        request.infer({i: to_bytes(arrays[i], code) if code else arrays[i] for i, code in enumerate(self._taken)})
        found = [request.get_output_tensor(number).data for number in range(len(self._given))]
        return tuple(
            from_bytes(output, code) if code else np.array(output, np.float32)
            for output, code in zip(found, self._given, strict=True)
        )

    def run(self) -> None:
        """One inference on the preset inputs."""
        self._request.infer()

    def executed(self) -> list[tuple[str, str, str]]:
        """(name, kind, precision) of every layer that runs, as the compiled model tells it."""
        layers = self._model.get_runtime_model().get_ordered_ops()
        infos = [(layer.get_friendly_name(), layer.get_rt_info()) for layer in layers]
        return [
            (name, info["layerType"].astype(str), info["runtimePrecision"].astype(str).lower()) for name, info in infos
        ]


def nodes(content: bytes, threads: int, runs: int) -> list[tuple[str, float]]:
    """(name, milliseconds) of every node that runs, in order, over runs with counters on, without their own time."""
    core = _core()
    read = core.read_model(content)
    model, plain = (core.compile_model(read, "CPU", {**_options(threads), "PERF_COUNT": on}) for on in (True, False))
    request = model.create_infer_request()
    presets = {number: random_input(number, _fixed(port), _kind(port)) for number, port in enumerate(model.inputs)}
    found: dict[str, list[float]] = {}
    for number in range(WARM_RUNS + runs):
        request.infer(presets)
        for node in request.profiling_info if number >= WARM_RUNS else ():
            if node.status == node.Status.EXECUTED:
                found.setdefault(node.node_name, []).append(node.real_time.total_seconds() * 1000)
    other = plain.create_infer_request()
    return settle_nodes(found, time_plain(lambda: other.infer(presets), runs, threads == 1))


def version() -> str:
    """Of the installed library; raises ImportError where there is none."""
    return str(silent_openvino().__version__).partition("-")[0]


def library() -> Path:
    """The file that holds the kernels."""
    folder = Path(silent_openvino().__file__).parent / "libs"
    return next(iter(sorted(folder.glob("*intel_cpu_plugin*"))), folder)


def silent_openvino() -> Any:
    """The module; raises ImportError where there is none.

    The bare import of it reports the import to its maker, unasked. Where its telemetry package cannot be found, it
    takes a stub of its own that does nothing: here the package cannot be found while it looks.
    """
    if "openvino" not in sys.modules and "openvino_telemetry" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        try:
            import_module("openvino")
        finally:
            del sys.modules["openvino_telemetry"]
    return import_module("openvino")


@cache
def _core() -> Any:
    return silent_openvino().Core()


def _options(threads: int) -> dict[str, Any]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        # None: the calling thread does all the work alone. One is as fast, but starts two threads a model.
        "NUM_STREAMS": 0 if threads == 1 else 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
        "CACHE_DIR": "",
    }


def _noise(number: int, port: Any) -> Any:
    """The preset of an input."""
    return random_input(number, _fixed(port), _kind(port))


def _fixed(port: Any) -> tuple[int, ...]:
    """A port's shape; raises ValueError where a side is no number."""
    shape = port.get_partial_shape()
    if shape.is_dynamic:
        raise ValueError(f"its input {port.get_any_name()} has no fixed sizes: {shape}")
    return tuple(shape.to_shape())


def _kind(port: Any) -> str:
    """A port's type; raises ValueError where it is none that we write."""
    kind = port.get_element_type().get_type_name()
    if kind not in _KINDS:
        raise ValueError(f"its {port.get_any_name()} is {kind}, not float32 or bytes")
    return _KINDS[kind]


_KINDS = {"f32": "float32", "u8": "uint8"}


def _code(read: Any, port: Any) -> Code | None:
    """What the file says of the bytes at a port, which may go by several names."""
    paths = [["framework", name] for name in port.get_names()]
    return next((parse_code(read.get_rt_info(path).astype(str)) for path in paths if read.has_rt_info(path)), None)
