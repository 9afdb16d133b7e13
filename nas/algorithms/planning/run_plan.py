"""`RunPlan`: what a run will do and how long its stages are predicted to take, kept in its folder as `plan.json`."""

from msgspec import Struct
from msgspec.structs import replace

PLAN_FILE, MEASURING, TABLE, RESERVE = "plan.json", "measuring", "latency table", "reserve"


class Amounts(Struct, frozen=True):
    """How much a run does of everything. Epochs are passes over the `images` that are trained on.

    `delta` and `steps` are NetAdapt's: the share of the latency that a step saves, a proposal's mini-batches. `aim` is
    the share of the target that the networks searched take: training costs in proportion to latency, and a smaller
    network that is trained is better than a large one that is not. `train_resolution` is that of the images in the
    first half of every training, None if it is the network's own.
    """

    images: int
    epochs: float
    trial_epochs: float
    trials: int
    delta: float
    steps: int
    aim: float = 1.0
    train_resolution: int | None = None


class PlannedStage(Struct, frozen=True):
    """A part of the run, and the seconds and the most memory of all processes that it is predicted to take."""

    name: str
    seconds: float
    peak_mb: int | None = None


class RunPlan(Struct, frozen=True):
    """What will be done, and in which time; `budget_s` is None where none was given."""

    amounts: Amounts
    stages: tuple[PlannedStage, ...]
    budget_s: float | None = None

    @property
    def seconds(self) -> float:
        """All stages together."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def measuring_s(self) -> float:
        """What it took to make the plan, which is no part of the run's own time."""
        return next((stage.seconds for stage in self.stages if stage.name == MEASURING), 0.0)

    @property
    def peak_mb(self) -> int | None:
        """The most memory of any stage; None if it is not known."""
        return max((stage.peak_mb for stage in self.stages if stage.peak_mb is not None), default=None)


def with_peaks(made: RunPlan, training_mb: int | None, table_mb: int | None) -> RunPlan:
    """Return a plan whose stages say how much memory they take: those that train as much as measuring it took."""
    peaks = {TABLE: table_mb, RESERVE: None}
    return replace(
        made, stages=tuple(replace(stage, peak_mb=peaks.get(stage.name, training_mb)) for stage in made.stages)
    )
