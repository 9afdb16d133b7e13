"""What a run folder holds: the run may be unfinished, killed in the middle of a line, or no run at all."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from nas.algorithms.pipeline.journal import peaks_mb, read_journal
from nas.algorithms.pipeline.records import BlockScores, Finished, Measured, Proposal, Record, Spent, Step, Taken, Trial
from nas.algorithms.pipeline.result_file import Result
from nas.algorithms.planning.run_plan import PLAN_FILE, PlannedStage, RunPlan
from nas.design.architecture import Architecture
from nas.design.dense.head import METRICS, TaskName
from nas.design.files import decode
from nas.errors import InvalidRun
from nas.latency.timing import Estimate

T = TypeVar("T")


class RunHeadline(Struct, frozen=True):
    """What the report needs of a run's `settings.json`; `targets_ms` are all targets where there are several."""

    target_ms: float
    targets_ms: tuple[float, ...] = ()
    command: str = "search"
    evaluator: str = "train"
    sampler: str = "tpe"
    recipe: str = "modern"
    augment: tuple[str, ...] | None = None
    pareto: bool = False
    weights: str | None = None
    task: TaskName = "classification"

    @property
    def training(self) -> str:
        """Sentences about the recipe, and about the augmentation if it is another than the recipe's."""
        recipe = f"Recipe {self.recipe}. "
        if self.augment is None:
            return recipe
        return f"{recipe}Training images are changed by {', '.join(self.augment) or 'nothing'}. "


class RunContents(Struct, frozen=True):
    """A run folder's records by kind, in the order of their end; what is not there yet is None or empty.

    `stages` are what the run's time and memory went to, as measured; `predictions` captions and JPEGs of test images.
    """

    name: str
    trials: tuple[Trial, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    steps: tuple[Step, ...] = ()
    block_scores: tuple[BlockScores, ...] = ()
    measured: tuple[Measured, ...] = ()
    finished: tuple[Finished, ...] = ()
    taken: Taken | None = None
    stages: tuple[PlannedStage, ...] = ()
    asked: RunHeadline | None = None
    plan: RunPlan | None = None
    result: Result | None = None
    architecture: Architecture | None = None
    estimate: Estimate | None = None
    predictions: tuple[tuple[str, bytes], ...] = ()

    @property
    def target_ms(self) -> float | None:
        """The target, if the folder says it."""
        return self.asked.target_ms if self.asked else None

    @property
    def metric(self) -> str:
        """What networks are scored by."""
        return METRICS[self.asked.task if self.asked else "classification"]


def read_run(folder: Path) -> RunContents:
    """The run in a folder; raises InvalidRun where there is none or where a file in it is damaged."""
    journal = folder / "journal.jsonl"
    if not journal.is_file():
        raise InvalidRun(
            f"{folder}: is no run folder, there is no journal.jsonl in it. "
            "Name the folder that `nas search` or `nas netadapt` wrote (its --out)."
        )
    records, result = read_journal(journal), read_result(folder)
    return RunContents(
        name=folder.resolve().name,
        trials=tuple(sorted((r for r in records if isinstance(r, Trial)), key=lambda trial: trial.number)),
        proposals=tuple(r for r in records if isinstance(r, Proposal)),
        steps=tuple(sorted((r for r in records if isinstance(r, Step)), key=lambda step: step.step)),
        block_scores=tuple(r for r in records if isinstance(r, BlockScores)),
        measured=tuple(r for r in records if isinstance(r, Measured)),
        finished=tuple(r for r in records if isinstance(r, Finished)),
        taken=next((r for r in records if isinstance(r, Taken)), None),
        stages=stages(records),
        asked=read_headline(folder),
        plan=read_plan(folder),
        result=result,
        architecture=_read_optional(folder / "architecture.json", Architecture),
        estimate=_read_optional(folder / "estimate.json", Estimate),
        predictions=_read_predictions(folder, result),
    )


def _read_predictions(folder: Path, result: Result | None) -> tuple[tuple[str, bytes], ...]:
    """The drawn images that the result names, of those that are still there."""
    named = result.predictions if result else {}
    return tuple((text, (folder / name).read_bytes()) for name, text in named.items() if (folder / name).is_file())


def read_headline(folder: Path) -> RunHeadline | None:
    """What was asked of the run, if the folder says it."""
    return _read_optional(folder / "settings.json", RunHeadline)


def read_plan(folder: Path) -> RunPlan | None:
    """The plan that the run began with, if it made one."""
    return _read_optional(folder / PLAN_FILE, RunPlan)


def read_result(folder: Path) -> Result | None:
    """The result of one target, if there is one yet."""
    return _read_optional(folder / "result.json", Result)


def stages(records: Iterable[Record]) -> tuple[PlannedStage, ...]:
    """Seconds and memory by stage, in the order in which the stages began; older journals do not say which stage."""
    records = list(records)
    seconds, peaks = dict[str, float](), peaks_mb(records)
    for record in records:
        if isinstance(record, Spent) and record.stage:
            seconds[record.stage] = seconds.get(record.stage, 0.0) + record.seconds
    return tuple(PlannedStage(name, spent, peaks.get(name)) for name, spent in seconds.items())


def _read_optional(path: Path, kind: type[T]) -> T | None:
    if not path.is_file():
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidRun(f"{path}: cannot be read ({error.strerror}).") from error
    return decode(data, kind, str(path), InvalidRun)
