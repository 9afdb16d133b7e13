"""Inference runtimes: one file each behind one Protocol."""

from importlib import import_module

from msgspec import Struct

from nas.errors import NasError
from nas.runtimes.runtime import Model, Ranges, Runtime, Weights

RUNTIME_NAMES = ("onnxruntime", "openvino", "litert", "torch", "torch-compile")
PRECISIONS = ("float32", "int8")

__all__ = ["NAMES", "PRECISIONS", "Model", "Ranges", "Runtime", "Status", "Weights", "open_runtime", "statuses"]

_ROOMS = {
    "onnxruntime": ("nas.runtimes.onnx_runtime", "OnnxRuntime"),
    "openvino": ("nas.runtimes.openvino_runtime", "OpenvinoRuntime"),
    "litert": ("nas.runtimes.litert_runtime", "LitertRuntime"),
    "torch": ("nas.runtimes.torch_runtime", "TorchRuntime"),
    "torch-compile": ("nas.runtimes.torch_compile_runtime", "TorchCompileRuntime"),
}
_INSTALL = {
    "onnxruntime": "pip install onnxruntime",
    "openvino": "pip install openvino",
    "litert": "pip install ai-edge-litert flatbuffers",
    "torch": "pip install torch",
    "torch-compile": "apt install g++",
}


class Status(Struct, frozen=True):
    """A runtime on this machine: `reason` says why it is not usable, `install` is the command that brings it."""

    name: str
    precisions: tuple[str, ...]
    usable: bool
    version: str | None
    reason: str | None
    install: str


def open_runtime(name: str, threads: int = 1, batch: int = 1, precision: str = "float32") -> Runtime:
    """The runtime of a name under these conditions; raises NasError where it is unknown, missing or cannot do it."""
    if name not in RUNTIME_NAMES:
        raise NasError(f"{name!r} is no runtime: the runtimes are {', '.join(RUNTIME_NAMES)}.")
    if precision not in PRECISIONS:
        raise NasError(f"{precision!r} is no precision: the precisions are {', '.join(PRECISIONS)}.")
    for what, count in (("threads", threads), ("batch", batch)):
        if count < 1:
            raise NasError(f"{what} {count} is too small: give 1 or more.")
    module, kind = _ROOMS[name]
    try:
        made: Runtime = getattr(import_module(module), kind)(threads, batch, precision)
    except ImportError as error:
        raise NasError(
            f"The runtime {name} cannot be used here ({error}). Install it with: {_INSTALL[name]}"
        ) from error
    return made


def statuses() -> list[Status]:
    """Every runtime: what it can do, and whether it can be used here."""
    return [_status(name) for name in RUNTIME_NAMES]


def _status(name: str) -> Status:
    precisions = PRECISIONS[:1] if name.startswith("torch") else PRECISIONS
    try:
        version, reason = open_runtime(name).version, None
    except NasError as error:
        version, reason = None, str(error)
    return Status(name, precisions, reason is None, version, reason, _INSTALL[name])
