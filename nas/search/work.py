"""Jobs that are done once: each result is a journal line keyed by all that it depends on."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from nas.errors import InvalidRun
from nas.search.journal import Journal
from nas.search.ports import Adapt, Fit, Job, Judge, Outcome, Pool, Share, Train
from nas.search.records import Worked

_SHARED = "shared"


def derive(*parts: object) -> int:
    """A seed that follows from what it is for, never from the order of processes."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big") >> 1


class Work:
    """Runs jobs through the pool, or finds them done. Weights live in `folder`, named by the key of their job."""

    def __init__(self, folder: Path, journal: Journal, pool: Pool) -> None:
        self.folder, self.journal, self.pool = folder, journal, pool
        (folder / _SHARED).mkdir(parents=True, exist_ok=True)

    def path(self, job: Job) -> Path:
        """Where a job's weights are written; shared ones where no decision clears them away."""
        folder = self.folder / _SHARED if isinstance(job, Share) else self.folder
        return folder / f"{job_key(job)}.safetensors"

    def do(self, jobs: Sequence[Job], need_weights: bool = False) -> list[Outcome]:
        """The outcome of every job, in order; only what is not done yet is run.

        Losers' weights are deleted once a decision is taken, so weights are missed only where they are needed.
        """
        missing = [job for job in jobs if not (self.has(job) if need_weights else self._known(job))]
        todo = [replace(job, out=self.path(job)) for job in missing]
        for job in todo:
            _check_start(job)
        fresh: dict[str, Outcome] = {}
        for job, outcome in zip(missing, self.pool(todo), strict=True):
            fresh[job_key(job)] = outcome
            self.journal.add(Worked(job_key(job), outcome))
        return [fresh.get(job_key(job)) or self._outcome(job) for job in jobs]

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
        """Whether a job is done and its weights are there."""
        return self._known(job) and self.path(job).exists()

    def _known(self, job: Job) -> bool:
        return self.journal.find(Worked, job_key(job)) is not None

    def _outcome(self, job: Job) -> Outcome:
        found = self.journal.find(Worked, job_key(job))
        assert found is not None
        return found.outcome


def _check_start(job: Job) -> None:
    start = job.start if isinstance(job, Train | Share) else job.weights
    if start is not None and not start.exists():
        raise InvalidRun(f"{start}: these weights of the run are gone. Put them back, or start over with --fresh.")


def job_key(job: Job) -> str:
    """Twenty hexadecimal digits of all that the job's result depends on; folders do not count, names of weights do."""
    nowhere = Path()
    match job:
        case Train() | Share():
            bare: Job = replace(job, out=nowhere, start=job.start and Path(job.start.name))
        case Adapt() | Fit() | Judge():
            bare = replace(job, out=nowhere, weights=Path(job.weights.name))
    return hashlib.sha256(msgspec.json.encode(bare, enc_hook=str)).hexdigest()[:20]
