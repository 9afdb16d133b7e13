"""What the clock asks of a runtime."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nas.design.plan import Plan

Array = NDArray[np.float32]


class Model(Protocol):
    """A compiled plan, ready to run on batch 1."""

    def __call__(self, *arrays: Array) -> Array:
        """The output for inputs in the order of the plan: [1, 3, S, S] images for a network."""
        ...

    def run(self) -> None:
        """One inference on preset inputs, nothing else: what the clock times."""
        ...


class Runtime(Protocol):
    """Compiles plans. `version` and `threads` are conditions of every timing taken with it."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def version(self) -> str: ...  # noqa: D102

    @property
    def threads(self) -> int: ...  # noqa: D102

    def compile(self, plan: Plan, weights: Mapping[str, Array] | None = None) -> Model:
        """A model of the plan; weights None are random, for timing."""
        ...
