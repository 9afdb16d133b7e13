"""What a researcher brings instead of what is built in."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from nas.algorithms.pipeline.context import MakeSampler
from nas.algorithms.samplers.optuna_study import require_sampler
from nas.api.check import check_callable
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


def read_plugins(evaluator: Any = None, sampler: Any = None, train: Any = None) -> Plugins:
    """Return the parts among these that are the caller's own; text names what is built in, and so does None.

    Raises NasError if one cannot be called as it will be. The sampler's function is called once to see what it makes.
    """
    own_evaluator = None if isinstance(evaluator, str) else evaluator
    own_sampler = None if isinstance(sampler, str) else sampler
    if own_evaluator is not None:
        what = "a name, or a function of several architectures that returns a number for each"
        check_callable("evaluator", evaluator, 1, what)
    if own_sampler is not None:
        check_callable("sampler", own_sampler, 1, "a name, or a function of a seed that makes an Optuna sampler")
        require_sampler(own_sampler(0))
    if train is not None:
        check_callable("train", train, 4, "a function of (network, images, epochs, seed) that trains in place")
    return Plugins(own_evaluator, own_sampler, train)


def _name(value: object) -> str:
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
