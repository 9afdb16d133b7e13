"""Inference runtimes: one file each behind one Protocol."""

from nas.errors import NasError
from nas.runtimes.runtime import Model, Runtime

NAMES = ("onnxruntime", "torch")

__all__ = ["NAMES", "Model", "Runtime", "open_runtime"]


def open_runtime(name: str) -> Runtime:
    """The runtime of a name; raises NasError naming the known ones."""
    match name:
        case "onnxruntime":
            from nas.runtimes.onnx_runtime import OnnxRuntime

            return OnnxRuntime()
        case "torch":
            from nas.runtimes.torch_runtime import TorchRuntime

            return TorchRuntime()
        case _:
            raise NasError(f"{name!r} is no runtime: the runtimes are {', '.join(NAMES)}.")
