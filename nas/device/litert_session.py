"""LiteRT (TFLite) on the CPU with its XNNPACK delegate."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.device.noise import random_input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Numbers in one tensor, 1 GB of float32: a file that claims more is no phone network, and would eat the memory.
_MOST = 1 << 28


class LitertSession:
    """One model with preset inputs, at as many threads as said. It speaks float32 and NCHW whatever the model does."""

    def __init__(self, content: bytes, threads: int = 1, precision: str = "float32") -> None:
        """Opens a whole TFLite file and runs it once.

        Raises ImportError without ai-edge-litert, ValueError or RuntimeError where it is no model that runs.
        """
        from ai_edge_litert.interpreter import Interpreter

        self.precision = precision  # what the file says: its ops execute as they are written
        with _hushed():
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        _check(self._interpreter.get_tensor_details())
        self._inputs = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()
        for number, details in enumerate(self._inputs):
            self._set(details, random_input(number, tuple(int(side) for side in details["shape"])))
        self.run()

    def __call__(self, *arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """The only output, float32, for inputs in the order of the graph; they stay the presets of later runs."""
        (output,) = self.outputs(*arrays)
        return output

    def outputs(self, *arrays: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """All outputs, float32, in the order of the graph's."""
        for number, details in enumerate(self._inputs):
            array = arrays[number]
            self._set(details, array.transpose(0, 2, 3, 1) if array.ndim == 4 else array)
        self.run()
        return tuple(self._given(details) for details in self._outputs)

    def _given(self, details: dict[str, Any]) -> NDArray[np.float32]:
        import numpy as np

        found = _real(self._interpreter.get_tensor(details["index"]), details)
        return np.ascontiguousarray(found.transpose(0, 3, 1, 2) if found.ndim == 4 else found)

    def run(self) -> None:
        """One inference on the preset inputs."""
        self._interpreter.invoke()

    def _set(self, details: dict[str, Any], array: NDArray[np.float32]) -> None:
        self._interpreter.set_tensor(details["index"], _stored(array, details))


def version() -> str:
    """Of the installed library; raises ImportError where there is none."""
    import ai_edge_litert

    return str(ai_edge_litert.__version__)


def library() -> Path:
    """The file that holds the kernels."""
    import ai_edge_litert

    return Path(str(ai_edge_litert.__file__)).parent / "libpywrap_litert_common.so"


def _check(tensors: list[dict[str, Any]]) -> None:
    for details in tensors:
        sides = [int(side) for side in details["shape"]]
        if math.prod(sides) > _MOST or any(side < 1 for side in sides):
            raise ValueError(f"its tensor {details['name']!r} has the sides {sides}, which no phone network has")


@contextmanager
def _hushed() -> Iterator[None]:
    """Keeps off the terminal what the library writes to it, past Python; what goes wrong it says in exceptions."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _stored(array: NDArray[np.float32], details: dict[str, Any]) -> NDArray[Any]:
    """Real numbers as a tensor stores them: real = scale * (integer - zero)."""
    import numpy as np

    scale, zero = details["quantization"]
    kind: type[Any] = details["dtype"]
    if not scale:
        return array.astype(kind)
    limits = np.iinfo(kind)
    stored: NDArray[Any] = (np.rint(array / scale) + zero).clip(limits.min, limits.max).astype(kind)
    return stored


def _real(array: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float32]:
    """What a stored tensor stands for."""
    import numpy as np

    scale, zero = details["quantization"]
    return array.astype(np.float32) if not scale else (array.astype(np.float32) - zero) * np.float32(scale)
