"""Finished jobs kept between runs, in the user's cache folder: another target costs no second block library."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from nas.algorithms.pipeline.records import Worked
from nas.algorithms.workers.job_cache import JobCache, job_key
from nas.design.files import write_bytes, write_json
from nas.errors import NasError
from nas.interfaces import Say
from nas.jobs import Job

_MOST_BYTES = 4 << 30  # of all files; the oldest go first


class _Kept(Struct, frozen=True):
    """A finished job and the digest of the weights that it wrote."""

    worked: Worked
    sha256: str


class JobShelf:
    """Jobs by their key and by what no job says: the data and the recipe, which are the `scope`."""

    def __init__(self, folder: Path, scope: object, say: Say) -> None:
        self.folder, self._say = folder, say
        self._scope = hashlib.sha256(msgspec.json.encode(scope)).hexdigest()[:12]

    def take(self, work: JobCache, jobs: Iterable[Job]) -> int:
        """Give a run what earlier ones have done of these jobs: copies of the weights; how many that were.

        Damaged files are passed over with a sentence.
        """
        return sum(self._take(work, job) for job in jobs if not work.has(job))

    def put(self, work: JobCache, jobs: Iterable[Job]) -> None:
        """Keep finished jobs with their weights for later runs; a full disk ends no search."""
        try:
            for job in jobs:
                weights, note = self._paths(job)
                if not note.exists():
                    data = work.path(job).read_bytes()
                    write_bytes(weights, data)
                    worked = Worked(job_key(job), work.do([job])[0])
                    write_json(note, _Kept(worked, hashlib.sha256(data).hexdigest()))
            self._clear()
        except (NasError, OSError) as error:
            self._say(f"The block library is not kept for later runs: {error}")

    def _take(self, work: JobCache, job: Job) -> bool:
        weights, note = self._paths(job)
        try:
            kept = msgspec.json.decode(note.read_bytes(), type=_Kept)
            data = weights.read_bytes()
        except FileNotFoundError:
            return False
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._say(f"{note}: cannot be read ({error}): it is passed over. Delete the file.")
            return False
        if hashlib.sha256(data).hexdigest() != kept.sha256 or kept.worked.key != job_key(job):
            self._say(f"{weights}: is damaged: it is passed over. Delete the file.")
            return False
        write_bytes(work.path(job), data)
        work.journal.add(kept.worked)
        return True

    def _paths(self, job: Job) -> tuple[Path, Path]:
        weights = self.folder / f"{self._scope}-{job_key(job)}.safetensors"
        return weights, weights.with_suffix(".json")

    def _clear(self) -> None:
        """Delete the oldest files beyond what may be kept."""
        files = sorted(self.folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for path in files:
            total += path.stat().st_size
            if total > _MOST_BYTES:
                path.with_suffix(".json").unlink(missing_ok=True)
                path.unlink(missing_ok=True)
