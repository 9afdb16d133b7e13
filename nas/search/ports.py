"""What the deciding code asks of the rest of the house; it knows no torch, no runtime and no clock."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.latency.timing import Estimate, Measurement


class Score(Struct, frozen=True):
    """Accuracy as a fraction with its 95 % interval (Wilson), mean cross-entropy, and how many images were seen."""

    accuracy: float
    accuracy_ci95: tuple[float, float]
    loss: float
    count: int


class Train(Struct, frozen=True, tag=True):
    """Train epochs `first` up to `last` of a schedule of `total`, starting from a checkpoint or from scratch.

    The checkpoint `out` holds weights and optimiser state, so that 0-2 and then 2-4 equals 0-4.
    `start` may also be bare weights (no optimiser state). `gentle` uses the fine-tuning rate.
    """

    architecture: Architecture
    first: float
    last: float
    total: float
    seed: int
    out: Path
    start: Path | None = None
    gentle: bool = False


class Adapt(Struct, frozen=True, tag=True):
    """Inherit `child` from the weights of `parent` by importance, fine-tune for `steps`, look at the hold-out."""

    parent: Architecture
    weights: Path
    child: Architecture
    steps: int
    seed: int
    out: Path


class Fit(Struct, frozen=True, tag=True):
    """Fit trained weights to the deployment resolution (`architecture.resolution`)."""

    architecture: Architecture
    weights: Path
    seed: int
    out: Path


Job = Train | Adapt | Fit


class Outcome(Struct, frozen=True):
    """What a job gives: the validation score, the loss of every hold-out image in a fixed order, seconds."""

    score: Score
    losses: tuple[float, ...]
    seconds: float


class Prices(Protocol):
    """Latency from a table; what the table lacks is measured on demand and kept."""

    def __call__(self, architecture: Architecture) -> Estimate: ...

    def ensure(self, architectures: Iterable[Architecture]) -> None:
        """Measure in one batch all that the table lacks for these networks."""
        ...


class Pool(Protocol):
    """Runs jobs, in parallel or not; results in the order of the jobs, an exception of a job is raised."""

    def __call__(self, jobs: Sequence[Job]) -> list[Outcome]: ...


class Shipped(Struct, frozen=True):
    """An exported network: timed in its runtime, its outputs against torch's, its validation score as exported."""

    measurement: Measurement
    max_output_difference: float
    score: Score


Ship = Callable[[Architecture, Path, Path], Measurement]
