"""How tests kill a run, and what must then be as if nothing had been."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.records import Record, Spent
from nas.jobs import Job, Outcome


class Killed(BaseException):
    """Stands for the kill: nothing in the program may catch it."""


def dying(call: Callable[..., Any], survives: int) -> Callable[..., Any]:
    """The same, which kills the process when it is called once more than it survives."""
    left = [survives]

    def killing(*arguments: Any) -> Any:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return call(*arguments)

    return killing


class KillingPool:
    """Kills the process after some jobs: before the job's result is journalled, its weights being there or not."""

    def __init__(self, inner: Callable[[Sequence[Job]], Iterator[Outcome]], survives: int) -> None:
        self.inner, self.left = inner, survives

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        for outcome in self.inner(jobs):
            if self.left == 0:
                raise Killed
            self.left -= 1
            yield outcome


def kill_after_lines(monkeypatch: pytest.MonkeyPatch, journal: Journal, survives: int) -> None:
    """Have the process killed after so many records, in the midst of several that are written together too."""
    add, left = journal.add, [survives]

    def killing(*records: Record) -> None:
        add(*records[: left[0]])
        if len(records) > left[0]:
            raise Killed
        left[0] -= len(records)

    monkeypatch.setattr(journal, "add", killing)


def turning_points(journal: Journal) -> list[int]:
    """Where a kind of record first follows another: elsewhere a kill leaves the same things half done as at one.

    Counted as `kill_after_lines` counts, without records of time, which the journal writes by itself.
    """
    kinds = [type(record) for record in journal.records if not isinstance(record, Spent)]
    first: dict[tuple[type, type], int] = {}
    for place, pair in enumerate(pairwise(kinds), start=1):
        first.setdefault(pair, place)
    return [0, *first.values()]


def decisions(ctx: Context) -> dict[str, bytes]:
    """What the journal says was decided, by kind and key; seconds are not decisions."""
    return _decided(ctx.journal)


def all_decisions(folder: Path) -> dict[str, bytes]:
    """The same of a run and all its targets, by folder."""
    return {
        f"{path.parent.relative_to(folder)} {name}": value
        for path in folder.rglob("journal.jsonl")
        for name, value in _decided(Journal(path)).items()
    }


def _decided(journal: Journal) -> dict[str, bytes]:
    return {
        f"{type(record).__name__} {record.key}": msgspec.json.encode(record)
        for record in journal.records
        if not isinstance(record, Spent)
    }
