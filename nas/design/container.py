"""`supernet_architecture`: the architecture that holds every network of a space, for weights that they share."""

from collections.abc import Sequence
from typing import Any

from nas.design.architecture import Architecture
from nas.design.dense.choice import DEEP_DECISIONS
from nas.design.size import Size
from nas.design.space import SearchSpace
from nas.errors import InvalidSpace


def supernet_architecture(space: SearchSpace, resolution: Size = 224, classes: int | None = None) -> Architecture:
    """Of every decision the option with the most weights. Raises InvalidSpace where a stage mixes families.

    By convention dearer options come later in a space, but nothing checks it, and shared weights must be large enough.
    """
    for number, stage in enumerate(space.stages):
        if len(stage.family) > 1:
            raise InvalidSpace(
                f"{space.name}: stages[{number}].family mixes {' and '.join(stage.family)}, whose weights cannot be "
                "shared: take --evaluator train, or one family a stage."
            )
    return space.draw(_widest, resolution, classes)


def _widest(name: str, options: Sequence[Any]) -> Any:
    """Without an expansion a block is as wide as with a ratio of 1, but has no tensors of that convolution."""
    if name in ("resolution", *DEEP_DECISIONS) or name.endswith("activation"):
        return options[-1]
    return max(options, key=lambda option: (1, 0) if option == "none" else (option, 1))
