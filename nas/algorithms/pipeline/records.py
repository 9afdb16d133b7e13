"""The lines of `journal.jsonl`: one finished piece of work each, keyed by what it depends on."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from nas.design.architecture import Architecture
from nas.design.edits.edit import Edit
from nas.design.size import Size
from nas.jobs import ClassScores, Outcome, Score
from nas.latency.timing import Measurement

Role = Literal["ending", "baseline"]


class Worked(Struct, frozen=True, tag="job"):
    """A finished job of the pool, for instance the rung of a training or the fine-tune of a proposal."""

    key: str
    outcome: Outcome


class Trial(Struct, frozen=True, tag="trial"):
    """A finished trial of the block search; infeasible ones were never evaluated.

    `value` is what the evaluator says, more is better. It is an accuracy only where there is a `score`: the number of
    parameters, say, is none. `rungs` counts the evaluations reported for the trial; an architecture that came up before
    has its value and none.
    """

    key: str
    number: int
    architecture: Architecture
    params: int
    macs: int
    predicted_ms: float
    error_bound_ms: float
    state: Literal["complete", "pruned", "infeasible"]
    score: Score | None
    epochs: float
    seconds: float
    rungs: int = 0
    value: float | None = None


class TrialRound(Struct, frozen=True, tag="batch"):
    """Trials `first` up to `first + size` are decided, and may be told to the study."""

    key: str
    first: int
    size: int


class Proposal(Struct, frozen=True, tag="proposal"):
    """One NetAdapt proposal after its short fine-tune; the loss change is paired on the hold-out, with its interval.

    `edit` is what it changes, which journals of before do not say.
    `samples` counts the fine-tunes behind it, over which every image's loss is averaged; `score` is of the first, and
    `accuracy_change` what of that the network before the step has not, on the same images. `steps` are the mini-batches
    of each, 0 where nothing was trained.
    """

    key: str
    step: int
    name: str
    architecture: Architecture
    predicted_ms: float
    loss_change: float
    loss_change_ci95: tuple[float, float]
    score: Score
    seconds: float
    samples: int = 1
    steps: int | None = None
    accuracy_change: float = 0.0
    edit: Edit | None = None


class Step(Struct, frozen=True, tag="step"):
    """An accepted NetAdapt step, a point of the trade-off curve; step 0 is the seed network, which no `edit` made.

    `lowers` is what it was to lower: latency, or a budget by its name.
    """

    key: str
    step: int
    name: str
    architecture: Architecture
    predicted_ms: float
    score: Score
    weights: str
    edit: Edit | None = None
    lowers: str = "latency"


class BlockScores(Struct, frozen=True, tag="block_scores"):
    """What the alternatives of one block cost in its place: the change of the loss, paired, and of the latency.

    The last are in milliseconds at the resolution of the library; the alternatives have their names.
    """

    key: str
    alternatives: tuple[str, ...]
    loss_changes: tuple[float, ...]
    loss_changes_ci95: tuple[tuple[float, float], ...]
    changes_ms: tuple[float, ...]


class Measured(Struct, frozen=True, tag="measured"):
    """A whole network timed between steps, beside what the table predicted for it."""

    key: str
    architecture: Architecture
    predicted_ms: float
    measurement: Measurement


class Paused(Struct, frozen=True, tag="paused"):
    """A pause of so many seconds that was begun because the machine was slow; it is not repeated."""

    key: str
    seconds: float


class Finished(Struct, frozen=True, tag="finished"):
    """A network trained, exported and timed: an ending (`scratch`, `inherited`) or a baseline.

    `trained` is its validation score at the end of the training, `validation` and `test` are of the exported file;
    decisions use `validation` only.
    """

    key: str
    role: Role
    name: str
    architecture: Architecture
    params: int
    macs: int
    predicted_ms: float
    measurement: Measurement
    trained: Score
    validation: Score
    test: Score
    by_class: ClassScores
    model: str
    weights: str
    max_output_difference: float


class Matched(Struct, frozen=True, tag="matched"):
    """The width multiplier at which a baseline has the found network's measured latency."""

    key: str
    width: float


class Resized(Struct, frozen=True, tag="resized"):
    """The largest resolution at which NetAdapt's start network meets the target; None if there is none."""

    key: str
    resolution: Size | None


class Shelved(Struct, frozen=True):
    """Shared weights kept between runs: the least and most MACs of the networks they were trained on.

    `accuracy` is that of the largest of these networks on the validation split, `seconds` what the training took.
    """

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    macs: tuple[Annotated[int, Meta(ge=1)], Annotated[int, Meta(ge=1)]]
    accuracy: float
    seconds: float
    finished: str


class Taken(Struct, frozen=True, tag="taken"):
    """Shared weights of an earlier run that this one uses; their copy is `weights`."""

    key: str
    weights: str
    shelved: Shelved


class Spent(Struct, frozen=True, tag="spent"):
    """Seconds of a stage since the process began or last said so; their sum is how long the run has taken.

    `peak_mb` is the most memory that all its processes held meanwhile, None if this is not known.
    """

    key: str
    seconds: float
    stage: str = ""
    peak_mb: int | None = None


Record = (
    Worked
    | Trial
    | TrialRound
    | Proposal
    | Step
    | BlockScores
    | Measured
    | Paused
    | Finished
    | Matched
    | Resized
    | Taken
    | Spent
)
