"""`result.json`: what a run ended with, for one target or several."""

from msgspec import Struct

from nas.algorithms.budgets import BudgetUse
from nas.design.dense.head import METRICS, TaskName
from nas.design.size import Size
from nas.latency.statistic import OLD
from nas.latency.timing import settle


class Baseline(Struct, frozen=True):
    """A row of the comparison: a network trained the same way, exported and measured.

    `accuracy` is of the exported file on the test split; `validation_accuracy` of the same file on the validation
    split, and `trained_accuracy` of the network on that split at the end of its training.
    """

    name: str
    params: int
    macs: int
    predicted_ms: float
    measured_ms: float
    accuracy: float
    accuracy_ci95: tuple[float, float]
    resolution: Size
    trained_accuracy: float
    validation_accuracy: float
    nominal_ms: float | None = None

    @property
    def settled_ms(self) -> float:
        """Milliseconds at the speed of the table: what networks that were timed at different moments compare by."""
        return settle(self.measured_ms, self.nominal_ms)


class Result(Struct, frozen=True):
    """`result.json`. Accuracies are of the exported model at the resolution that was timed.

    Latencies are what `statistic` says: `measured_ms` at the speed that the device had then, which is `slowdown` times
    slower than the table's and moved by the share `moving`; `predicted_ms` and `nominal_ms` at the table's speed. The
    target is met at the table's speed.

    `accuracy` is on the test split, `validation_accuracy` on the validation split, and `trained_accuracy` on the
    validation split at the end of the training: what lies between these two was lost on the way out.
    `class_accuracies` are on the test split in the order of `classes`, None for a class without test images;
    `balanced_accuracy` is their mean, `largest_class_share` what always naming the largest class would have.
    `peaks_mb` is the most memory that all processes of this machine together held at each stage. `budgets` are the
    limits beside latency, and what the network takes of them.

    What is called accuracy is the metric of the `task`: of detection mAP (IoU .5 to .95), of segmentation the mean IoU.
    `details` has other metrics of the test split by name, `predictions` the captions of drawn images by file.
    """

    target_ms: float
    predicted_ms: float
    error_bound_ms: float
    measured_ms: float
    p10_ms: float
    p90_ms: float
    runs: int
    contended: bool
    floor_ms: float
    nominal_ms: float | None
    accuracy: float
    accuracy_ci95: tuple[float, float]
    params: int
    macs: int
    runtime: str
    device: str
    resolution: Size
    trained_accuracy: float
    validation_accuracy: float
    balanced_accuracy: float
    class_accuracies: tuple[float | None, ...]
    largest_class_share: float
    data: str
    data_description: str
    classes: tuple[str, ...]
    seed: int
    seconds: float
    ending: str
    endings: tuple[Baseline, ...]
    baselines: tuple[Baseline, ...]
    max_output_difference: float
    table: str
    notes: tuple[str, ...] = ()
    peaks_mb: dict[str, int] = {}
    slowdown: float | None = None
    moving: float = 0.0
    statistic: str = OLD
    budgets: tuple[BudgetUse, ...] = ()
    task: TaskName = "classification"
    details: dict[str, float] = {}
    predictions: dict[str, str] = {}

    @property
    def metric(self) -> str:
        """What is called accuracy here."""
        return METRICS[self.task]

    @property
    def settled_ms(self) -> float:
        """Milliseconds at the speed of the table."""
        return settle(self.measured_ms, self.nominal_ms)


class Missed(Struct, frozen=True):
    """A target that no network was found for, and why."""

    target_ms: float
    reason: str


class Summary(Struct, frozen=True):
    """`result.json` of a run with several targets; each has its own in a folder of its own."""

    results: tuple[Result, ...]
    missed: tuple[Missed, ...]
    seconds: float
    peaks_mb: dict[str, int] = {}
