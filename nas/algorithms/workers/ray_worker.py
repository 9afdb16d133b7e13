"""`Remote`: a worker on any machine, whether it sees the run folder or not."""

import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import gettempdir
from typing import Any, NamedTuple

from msgspec.structs import replace

from nas.algorithms.workers.job_cache import Results, job_key, whole, writes
from nas.design.files import write_bytes
from nas.jobs import Job, Outcome, sources, with_sources

RayWorker = Callable[[Job], Outcome]
_TOKEN = "driver"
_COPIES = 64  # a network is put together of one file a block


class Parcel(NamedTuple):
    """A file on its way: a name for its content, and what the worker fetches its bytes with."""

    label: str
    reference: Any


def leave_token(folder: Path, token: str) -> None:
    """Write what a worker knows the run folder by: another machine may have a folder of the same name."""
    write_bytes(folder / _TOKEN, token.encode())


class Remote:
    """Does jobs where they lie if this machine sees the run folder, else with copies of what they start from.

    In the run folder the outcome is written before it is returned, and an outcome found there is returned at once:
    what was finished when a worker or its driver was killed is not done again. Elsewhere the weights are returned too.
    """

    def __init__(self, worker: RayWorker, folder: Path, token: str, fetch: Callable[[Any], bytes]) -> None:
        self.worker, self.folder = worker, folder
        self.results = Results(folder) if _sees(folder, token) else None
        self.copies = _Copies(fetch)

    def __call__(self, job: Job, parcels: Mapping[str, Parcel]) -> tuple[Outcome, bytes | None]:
        """The outcome, and the weights where they could not be put in their place; `parcels` go by field of the job."""
        if self.results is None:
            return self._apart(job, parcels)
        key = job_key(job)
        found = self.results.find(key)
        if found is None or not whole(job, found, job.out):
            found = self.worker(with_sources(job, self.copies(job, self._outside(job, parcels))))
            self.results.add(key, found)
        return found, None

    def _outside(self, job: Job, parcels: Mapping[str, Parcel]) -> dict[str, Parcel]:
        paths = sources(job)
        return {name: it for name, it in parcels.items() if not paths[name].is_relative_to(self.folder)}

    def _apart(self, job: Job, parcels: Mapping[str, Parcel]) -> tuple[Outcome, bytes | None]:
        out = self.copies.folder / job.out.name
        outcome = self.worker(with_sources(replace(job, out=out), self.copies(job, parcels)))
        written = out.read_bytes() if writes(job, outcome) else None
        out.unlink(missing_ok=True)
        return outcome, written


class _Copies:
    """The last few files that jobs started from; one stays where it is as long as it is in use, for the worker may
    have opened it and know it by its path."""

    def __init__(self, fetch: Callable[[Any], bytes]) -> None:
        self._fetch, self._held = fetch, OrderedDict[str, Path]()
        self.folder = _own_folder()

    def __call__(self, job: Job, parcels: Mapping[str, Parcel]) -> dict[str, Path]:
        """Paths of copies, by field of the job."""
        paths = sources(job)
        return {name: self._copy(paths[name].name, parcel) for name, parcel in parcels.items()}

    def close(self) -> None:
        """Delete all copies."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _copy(self, name: str, parcel: Parcel) -> Path:
        path = self._held.setdefault(parcel.label, self.folder / parcel.label / name)
        self._held.move_to_end(parcel.label)
        if not path.exists():
            write_bytes(path, self._fetch(parcel.reference))
        while len(self._held) > _COPIES:
            shutil.rmtree(self._held.popitem(last=False)[1].parent, ignore_errors=True)
        return path


def _own_folder() -> Path:
    """A place for this process's copies; those of processes that were killed are deleted."""
    place = Path(gettempdir()) / f"nas-copies-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    for other in place.iterdir():
        if not Path("/proc", other.name).exists():
            shutil.rmtree(other, ignore_errors=True)
    own = place / str(os.getpid())
    own.mkdir(exist_ok=True)
    return own


def _sees(folder: Path, token: str) -> bool:
    try:
        return (folder / _TOKEN).read_text() == token
    except (OSError, UnicodeDecodeError):
        return False
