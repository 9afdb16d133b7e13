"""Jobs that are done once: each result is a journal line keyed by all that it depends on."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from nas import __version__
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.records import Worked
from nas.design.files import write_bytes
from nas.errors import InvalidRun
from nas.interfaces import JobPool
from nas.jobs import Assemble, EvaluateEdits, EvaluateShared, Job, Outcome, Share, sources, with_sources

_SHARED = "shared"


def derive(*parts: object) -> int:
    """A seed that follows from what it is for, never from the order of processes."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big") >> 1


class JobCache:
    """Runs jobs through the pool, or finds them done. Weights live in `folder`, named by the key of their job."""

    def __init__(self, folder: Path, journal: Journal, pool: JobPool, results: "Results | None" = None) -> None:
        """`results` is where the pool's workers write outcomes, if not in `folder`."""
        self.folder, self.journal, self.pool, self.results = folder, journal, pool, results or Results(folder)
        (folder / _SHARED).mkdir(parents=True, exist_ok=True)

    def path(self, job: Job) -> Path:
        """Where a job's weights are written; shared ones where no decision clears them away."""
        folder = self.folder / _SHARED if isinstance(job, Share) else self.folder
        return folder / f"{job_key(job)}.safetensors"

    def do(self, jobs: Sequence[Job], need_weights: bool = False) -> list[Outcome]:
        """The outcome of every job, in order; only what is not done yet is run.

        What a killed process's workers had finished is taken from their files. Losers' weights are deleted once a
        decision is taken, so weights are missed only where they are needed.
        """
        missing = [job for job in jobs if not (self.has(job) if need_weights else self.knows(job))]
        left = {job_key(job): outcome for job in missing if (outcome := self._left(job, need_weights))}
        todo = [replace(job, out=self.path(job)) for job in missing if job_key(job) not in left]
        for job in todo:
            _check_start(job)
        outcomes, fresh = iter(self.pool(todo)), dict[str, Outcome]()
        for key in map(job_key, missing):
            fresh[key] = left[key] if key in left else next(outcomes)
            self.journal.add(Worked(key, fresh[key]))
            self.results.drop(key)
        return [fresh.get(job_key(job)) or self._outcome(job) for job in jobs]

    def _left(self, job: Job, need_weights: bool) -> Outcome | None:
        """The outcome of a job that was finished when the process was killed, and not journalled."""
        found = self.results.find(job_key(job))
        return found if found and (whole(job, found, self.path(job)) or not need_weights) else None

    def one(self, job: Job) -> tuple[Outcome, Path]:
        """The outcome of one job, and its weights."""
        [outcome] = self.do([job], need_weights=True)
        return outcome, self.path(job)

    def keep(self, paths: Collection[Path]) -> None:
        """Delete all weights but these."""
        for path in self.folder.glob("*.safetensors"):
            if path not in paths:
                path.unlink()

    def has(self, job: Job) -> bool:
        """Whether a job is done and the weights that it wrote are there."""
        found = self.journal.find(Worked, job_key(job))
        return found is not None and whole(job, found.outcome, self.path(job))

    def knows(self, job: Job) -> bool:
        """Whether a job is done, its weights being there or not."""
        return self.journal.find(Worked, job_key(job)) is not None

    def _outcome(self, job: Job) -> Outcome:
        found = self.journal.find(Worked, job_key(job))
        assert found is not None
        return found.outcome


class Results:
    """Outcomes that workers have written and the journal may not have yet: a file each, named by the key of its job.

    A worker writes its outcome before it reports it, so a killed driver loses nothing that is finished.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is where the weights lie."""
        self.folder = folder / "results"

    def find(self, key: str) -> Outcome | None:
        """The outcome, if it was written; a file that cannot be read counts for nothing, and its job is done again."""
        try:
            found = msgspec.json.decode(self._path(key).read_bytes(), type=Worked)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return found.outcome if found.key == key else None

    def add(self, key: str, outcome: Outcome) -> None:
        """Write an outcome, whole or not at all."""
        write_bytes(self._path(key), msgspec.json.encode(Worked(key, outcome)))

    def drop(self, key: str) -> None:
        """Forget an outcome that the journal has."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def writes(job: Job, outcome: Outcome) -> bool:
    """Whether a job wrote weights."""
    if isinstance(job, EvaluateShared | Assemble):
        return job.keep
    return not isinstance(job, EvaluateEdits) and not outcome.refused


def whole(job: Job, outcome: Outcome, path: Path) -> bool:
    """Whether the weights that a job wrote, if it wrote any, are still at `path`."""
    return path.exists() or not writes(job, outcome)


def _check_start(job: Job) -> None:
    for path in sources(job).values():
        if not path.exists():
            raise InvalidRun(f"{path}: these weights of the run are gone. Put them back, or start over with --fresh.")


def job_key(job: Job) -> str:
    """Twenty hexadecimal digits of all that the job's result depends on; folders do not count, names of weights do.

    This package's version does: what an earlier one computed is not mixed with what this one would.
    """
    names = {field: Path(path.name) for field, path in sources(job).items()}
    bare = with_sources(replace(job, out=Path()), names)
    return hashlib.sha256(msgspec.json.encode((__version__, bare), enc_hook=str)).hexdigest()[:20]
