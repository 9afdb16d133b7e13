"""What the clock asks of a runtime."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from nas.design.graph import Graph
from nas.errors import NasError

Array = NDArray[np.float32]
Weights = Mapping[str, Array]
# (low, high) of every activation tensor, by tensor name.
Ranges = Mapping[str, tuple[float, float]]


class Model(Protocol):
    """A compiled graph, ready to run."""

    def __call__(self, *arrays: Array) -> Array:
        """The only output, float32, for inputs in the order of the graph: [N, 3, H, W] images for a network."""
        ...

    def outputs(self, *arrays: Array) -> tuple[Array, ...]:
        """All outputs, float32, in the order of `Graph.outputs`."""
        ...

    def run(self) -> None:
        """One inference on preset inputs, nothing else: what the clock times."""
        ...


class Runtime(Protocol):
    """Compiles graphs. Its version, threads, batch and precision are conditions of every timing taken with it."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def version(self) -> str: ...  # noqa: D102

    @property
    def threads(self) -> int: ...  # noqa: D102

    @property
    def batch(self) -> int: ...  # noqa: D102

    @property
    def precision(self) -> str:
        """`float32` or `int8`."""
        ...

    @property
    def in_thread(self) -> bool:
        """Whether, at one thread, the calling thread does all the work: then its CPU time is the model's."""
        ...

    @property
    def suffix(self) -> str | None:
        """Of the model files it opens; None: it opens none."""
        ...

    def encode(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> bytes:
        """The model file of a graph; weights and ranges that are None are made up, for timing."""
        ...

    def open(self, content: bytes) -> Model:
        """The model of a file's content; raises NasError where this runtime cannot run it."""
        ...

    def compile(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> Model:
        """The model of a graph; weights and ranges that are None are made up, for timing."""
        ...

    def load(self, path: Path) -> Model:
        """The model of a file; raises NasError naming the file where it cannot be read or run."""
        ...


M = TypeVar("M")


def load_file(path: Path, open_content: Callable[[bytes], M], wanted: str) -> M:
    """What `open_content` makes of a file; raises NasError with its path and what was wanted instead."""
    try:
        return open_content(path.read_bytes())
    except OSError as error:
        raise NasError(f"{path} cannot be read ({error.strerror}); give {wanted}.") from error
    except NasError as error:
        raise NasError(f"{path} is no model that this program can run; give {wanted}. {error}") from error


def first_line(error: Exception) -> str:
    """A library's complaint, cut to one line that a sentence can hold."""
    return shortened([*(line.strip() for line in str(error).splitlines()), type(error).__name__])


def shortened(lines: Sequence[str]) -> str:
    """The first line that says anything, without its full stop, 300 characters at most."""
    return next(line for line in lines if line).rstrip(".")[:300]
