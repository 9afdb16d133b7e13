"""Inference runtimes: one file each behind one Protocol. Other packages add theirs by entry points of `nas.runtimes`.

Such an entry point names a class that is called with (threads, batch, precision) and answers to `Runtime`.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from msgspec import Struct

from nas.errors import NasError
from nas.runtimes.runtime import Model, Ranges, Runtime, Weights

RUNTIME_NAMES = ("onnxruntime", "openvino", "litert", "torch", "torch-compile")
PRECISIONS = ("float32", "int8")

__all__ = ["PRECISIONS", "RUNTIME_NAMES", "Model", "Ranges", "Runtime", "Status", "Weights", "open_runtime", "statuses"]

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
    if name not in RUNTIME_NAMES and name not in _brought():
        raise NasError(f"{name!r} is no runtime: the runtimes are {', '.join(runtime_names())}.")
    if precision not in PRECISIONS:
        raise NasError(f"{precision!r} is no precision: the precisions are {', '.join(PRECISIONS)}.")
    for what, count in (("threads", threads), ("batch", batch)):
        if count < 1:
            raise NasError(f"{what} {count} is too small: give 1 or more.")
    try:
        return _maker(name)(threads, batch, precision)
    except ImportError as error:
        raise NasError(
            f"The runtime {name} cannot be used here ({error}). Install it with: {_install(name)}"
        ) from error


def runtime_names() -> tuple[str, ...]:
    """The runtimes of this package, then those that others bring."""
    return (*RUNTIME_NAMES, *(name for name in _brought() if name not in RUNTIME_NAMES))


def statuses() -> list[Status]:
    """Every runtime: what it can do, and whether it can be used here."""
    return [_status(name) for name in runtime_names()]


def _brought() -> dict[str, EntryPoint]:
    return {found.name: found for found in entry_points(group="nas.runtimes")}


def _maker(name: str) -> Callable[[int, int, str], Runtime]:
    if name in _ROOMS:
        module, kind = _ROOMS[name]
        made: Callable[[int, int, str], Runtime] = getattr(import_module(module), kind)
        return made
    brought: Callable[[int, int, str], Runtime] = _brought()[name].load()
    return brought


def _install(name: str) -> str:
    """The command that brings a runtime; of others' it is theirs to say."""
    return _INSTALL.get(name, "see the package that brings it")


def _status(name: str) -> Status:
    precisions = PRECISIONS[:1] if name.startswith("torch") else PRECISIONS
    try:
        version, reason = open_runtime(name).version, None
    except NasError as error:
        version, reason = None, str(error)
    return Status(name, precisions, reason is None, version, reason, _install(name))
