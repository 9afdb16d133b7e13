"""What a researcher brings instead of what is built in."""

from typing import TYPE_CHECKING

from msgspec import Struct

from nas.algorithms.pipeline.context import MakeSampler
from nas.interfaces import Evaluate

if TYPE_CHECKING:
    from nas.nets.worker import TrainFunction


class Plugins(Struct, frozen=True):
    """An evaluator, a sampler and a training function of one's own; None: the one that the options name."""

    evaluate: Evaluate | None = None
    sampler: MakeSampler | None = None
    train: "TrainFunction | None" = None

    @property
    def names(self) -> dict[str, str]:
        """What is one's own, and how it is called: a run is not continued with another."""
        own = {"evaluator": self.evaluate, "sampler": self.sampler, "train": self.train}
        return {kind: _name(value) for kind, value in own.items() if value is not None}


def _name(value: object) -> str:
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
