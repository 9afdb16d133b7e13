"""What the search asks of the rest of the house, as protocols: who does its jobs, prices and proves its networks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from nas.design.architecture import Architecture
from nas.jobs import ClassScores, Job, Outcome, Score
from nas.latency.timing import Estimate, Measurement

JobPool = Callable[[Sequence[Job]], Iterator[Outcome]]
"""Runs jobs, in parallel or not; results come in the order of the jobs, an exception of a job is raised."""

Say = Callable[[str], None]
"""Tells a person what is going on."""


def say_nothing(message: str) -> None:
    """The `Say` of whoever does not want to know."""


class LatencyModel(Protocol):
    """Latency from a table; what the table lacks is measured on demand and kept."""

    def __call__(self, architecture: Architecture) -> Estimate:
        """The predicted latency of a network."""
        ...

    def known(self, architecture: Architecture) -> Estimate | None:
        """The same where the table has it all; None where something would have to be measured."""
        ...

    def ensure(self, architectures: Iterable[Architecture]) -> None:
        """Measure in one batch all that the table lacks for these networks."""
        ...


class Deployer(Protocol):
    """Exports networks and proves them in the runtime they ship on."""

    @property
    def suffix(self) -> str:
        """Of the model files, like `.onnx`."""
        ...

    def measure(self, architectures: Sequence[Architecture]) -> list[Measurement]:
        """Whole networks with random weights, timed in turns."""
        ...

    def export(self, architecture: Architecture, weights: Path, out: Path) -> float:
        """Write the model; the largest difference between its outputs and torch's."""
        ...

    def time(self, architecture: Architecture, weights: Path, model: Path) -> Measurement:
        """The exported model by the clock, in the runtime it ships on."""
        ...

    def validate(self, architecture: Architecture, model: Path) -> Score:
        """Accuracy of the exported model on the validation split, at the resolution it was exported for."""
        ...

    def test(self, architecture: Architecture, model: Path) -> tuple[Score, ClassScores]:
        """The same on the test split, and class by class."""
        ...

    def draw(self, architecture: Architecture, model: Path) -> tuple[tuple[str, bytes], ...]:
        """Captions and JPEGs of some test images with what the exported model sees in them; none of a classifier."""
        ...


class Evaluate(Protocol):
    """Scores architectures: several in, as many values out, in their order. More is better.

    It is asked for several at once, so that it can score them beside each other.
    """

    def __call__(self, architectures: Sequence[Architecture], /) -> Sequence[float]:
        """The value of each architecture."""
        ...
