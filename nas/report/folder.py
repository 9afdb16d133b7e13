"""What a run folder holds: the run may be unfinished, killed in the middle of a line, or no run at all."""

from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.design.files import decode
from nas.errors import InvalidRun
from nas.latency.timing import Estimate
from nas.search.journal import read_journal
from nas.search.records import Finished, Measured, Proposal, Result, Step, Trial, Worked

T = TypeVar("T")


class Goal(Struct, frozen=True):
    """What the report needs of a run's `settings.json`."""

    target_ms: float


class Run(Struct, frozen=True):
    """A run folder's records by kind, in the order of their end; what is not there yet is None or empty."""

    name: str
    trials: tuple[Trial, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    steps: tuple[Step, ...] = ()
    measured: tuple[Measured, ...] = ()
    finished: tuple[Finished, ...] = ()
    training_seconds: float = 0.0
    target_ms: float | None = None
    result: Result | None = None
    architecture: Architecture | None = None
    estimate: Estimate | None = None


def read_run(folder: Path) -> Run:
    """The run in a folder; raises InvalidRun where there is none or where a file in it is damaged."""
    journal = folder / "journal.jsonl"
    if not journal.is_file():
        raise InvalidRun(
            f"{folder}: is no run folder, there is no journal.jsonl in it. "
            "Name the folder that `nas search` or `nas netadapt` wrote (its --out)."
        )
    records = read_journal(journal)
    goal = _read_optional(folder / "settings.json", Goal)
    return Run(
        name=folder.resolve().name,
        trials=tuple(sorted((r for r in records if isinstance(r, Trial)), key=lambda trial: trial.number)),
        proposals=tuple(r for r in records if isinstance(r, Proposal)),
        steps=tuple(sorted((r for r in records if isinstance(r, Step)), key=lambda step: step.step)),
        measured=tuple(r for r in records if isinstance(r, Measured)),
        finished=tuple(r for r in records if isinstance(r, Finished)),
        training_seconds=sum(r.outcome.seconds for r in records if isinstance(r, Worked)),
        target_ms=goal.target_ms if goal else None,
        result=_read_optional(folder / "result.json", Result),
        architecture=_read_optional(folder / "architecture.json", Architecture),
        estimate=_read_optional(folder / "estimate.json", Estimate),
    )


def _read_optional(path: Path, kind: type[T]) -> T | None:
    if not path.is_file():
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidRun(f"{path}: cannot be read ({error.strerror}).") from error
    return decode(data, kind, str(path), InvalidRun)
