"""`Plan`: what a run will do and how long its stages are predicted to take, kept in its folder as `plan.json`."""

from msgspec import Struct

PLAN_FILE, MEASURING = "plan.json", "measuring"


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


class Stage(Struct, frozen=True):
    """A part of the run, and the seconds that it is predicted to take."""

    name: str
    seconds: float


class Plan(Struct, frozen=True):
    """What will be done, and in which time; `budget_s` is None where none was given."""

    amounts: Amounts
    stages: tuple[Stage, ...]
    budget_s: float | None = None

    @property
    def seconds(self) -> float:
        """All stages together."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def measuring_s(self) -> float:
        """What it took to make the plan, which is no part of the run's own time."""
        return next((stage.seconds for stage in self.stages if stage.name == MEASURING), 0.0)
