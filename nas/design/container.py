"""`supernet_architecture`: the architecture that holds every network of a space, for weights that they share."""

from collections.abc import Sequence
from typing import Any

from nas.design.architecture import Architecture
from nas.design.space import SearchSpace


def supernet_architecture(space: SearchSpace, resolution: int = 224, classes: int = 1000) -> Architecture:
    """Of every decision the option with the most weights.

    By convention dearer options come later in a space, but nothing checks it, and shared weights must be large enough.
    """
    return space.draw(_widest, resolution, classes)


def _widest(name: str, options: Sequence[Any]) -> Any:
    """Without an expansion a block is as wide as with a ratio of 1, but has no tensors of that convolution."""
    if name.endswith("activation"):
        return options[-1]
    return max(options, key=lambda option: (1, 0) if option == "none" else (option, 1))
