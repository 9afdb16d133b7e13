"""`RayPool`: hands jobs to Ray actors, and to others where actors die. It is given Ray and does not import it."""

import math
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from nas import __version__
from nas.algorithms.workers.job_cache import Results, job_key
from nas.algorithms.workers.ray_worker import Parcel, RayWorker, Remote
from nas.design.architecture import digest
from nas.design.files import write_bytes
from nas.errors import NasError
from nas.interfaces import Say
from nas.jobs import Adapt, Job, Outcome, sources, with_sources

P = TypeVar("P")
_DEATHS = 3  # of workers, after which the job is to blame
_PATIENCE_S = 60.0
_CLOSE_S = 5.0
_PUT = 64  # files held in the object store for jobs to come
_REMEDY = "Every node needs the same Python, Ray and nas as this machine, and memory for a worker a CPU."


class Actor:
    """A process of a node. It is opened by a method, not as it is made, so that what that raises arrives as it is."""

    def open(
        self, open_worker: Callable[[P], RayWorker], payload: P, folder: Path, token: str, fetch: Callable[[Any], bytes]
    ) -> dict[str, str]:
        """Make the worker; the versions of what decides its outcomes."""
        self.remote = Remote(open_worker(payload), folder, token, fetch)
        return _versions()

    def work(self, job: Job, parcels: Mapping[str, Parcel]) -> tuple[Outcome, bytes | None]:
        """Do a job."""
        return self.remote(job, parcels)

    def close(self) -> None:
        """Leave nothing on the node: Ray ends a process without its own clean-up."""
        self.remote.copies.close()


@dataclass
class _Task:
    """A job of a batch; its outcome or error goes to `done` under its number."""

    number: int
    job: Job
    done: dict[int, Outcome | BaseException] = field(repr=False)
    deaths: int = 0


class RayPool:
    """A pool: actors, and what each is doing.

    `opening` are the arguments of `Actor.open`; `apart` says that some may not see `folder`, where the weights lie.
    """

    def __init__(self, ray: Any, workers: int, opening: tuple[Any, ...], folder: Path, say: Say, apart: bool) -> None:
        self.ray, self.opening, self.say = ray, opening, say
        self.results = Results(folder)
        self.parcels = _Parcels(ray) if apart else None
        # Ray gives a process with one CPU one OpenMP thread: more only fight over the cores.
        share = {"num_cpus": 1, "num_gpus": gpu_share(workers, ray.cluster_resources().get("GPU", 0))}
        self.actor = ray.remote(**share, scheduling_strategy="SPREAD")(Actor)
        self.idle: list[Any] = []
        self.busy: dict[Any, tuple[Any, _Task | None]] = {}
        self.opened, self.died = False, 0
        for _ in range(workers):
            self._hire()

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Outcomes in the order of the jobs; an error of a job comes when it is that job's turn."""
        done: dict[int, Outcome | BaseException] = {}
        waiting = deque(_Task(number, job, done) for number, job in enumerate(jobs))
        self._start(waiting)
        for number in range(len(jobs)):
            while number not in done:
                self._collect(waiting)
                self._start(waiting)
            found = done.pop(number)
            if isinstance(found, BaseException):
                raise found
            yield found

    def close(self) -> None:
        """Tidy up after the actors that are not in the midst of a job."""
        closing = [actor.close.remote() for actor in self.idle]
        if closing:
            self.ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_S)

    def _hire(self) -> None:
        actor = self.actor.remote()
        self.busy[actor.open.remote(*self.opening)] = actor, None

    def _start(self, waiting: deque[_Task]) -> None:
        while waiting and self.idle:
            task, actor = waiting.popleft(), self.idle.pop()
            job = _absolute(task.job)
            parcels = self.parcels(job) if self.parcels else {}
            self.busy[actor.work.remote(job, parcels)] = actor, task

    def _collect(self, waiting: deque[_Task]) -> None:
        """Wait until an actor has something to say, then hear all that have."""
        everybody = list(self.busy)
        if not self.ray.wait(everybody, timeout=_PATIENCE_S)[0]:
            self._grumble()
            return
        for reference in self.ray.wait(everybody, num_returns=len(everybody), timeout=0)[0]:
            self._hear(reference, waiting)

    def _hear(self, reference: Any, waiting: deque[_Task]) -> None:
        actor, task = self.busy.pop(reference)
        try:
            answer = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            if task is None:
                raise self._unopened(error.cause) from None
            task.done[task.number] = error.cause
        except self.ray.exceptions.RayError as error:
            self._bury(task, waiting, error)
            return
        else:
            self._accept(task, answer)
        self.idle.append(actor)

    def _unopened(self, cause: BaseException) -> BaseException:
        """What a worker's opening raised, be it its own or that the node lacks a package."""
        if isinstance(cause, self.ray.exceptions.RayError):
            return NasError(f"No worker could be opened: {first_error_line(cause)}. {_REMEDY}")
        return cause

    def _accept(self, task: _Task | None, answer: Any) -> None:
        if task is None:
            require_same_versions(answer)
            self.opened, self.died = True, 0
            return
        outcome, weights = answer
        if weights is not None:
            write_bytes(task.job.out, weights)
        if self.parcels:
            self.results.add(job_key(task.job), outcome)
        task.done[task.number] = outcome

    def _bury(self, task: _Task | None, waiting: deque[_Task], error: BaseException) -> None:
        """Hire another, unless those only die while others live.

        The job goes to whoever is idle first, for the cluster may have no place for a new one.
        """
        if task is None:
            self.died += 1
            if self.died >= _DEATHS:
                if not self.opened or not (self.idle or self.busy):
                    raise NasError(f"Workers die before they can work: {first_error_line(error)}. {_REMEDY}") from error
                self.say(f"One worker less: it died {_DEATHS} times before it could work ({first_error_line(error)}).")
                self.died = 0
                return
        else:
            task.deaths += 1
            if task.deaths < _DEATHS:
                waiting.appendleft(task)
                self.say(f"A worker died while it did {_told(task.job)}: another does that again.")
            else:
                task.done[task.number] = NasError(
                    f"{_told(task.job)} killed {_DEATHS} workers, most likely for lack of memory. "
                    "Give fewer --workers or a smaller --train-resolution; what is finished is kept."
                )
        self._hire()

    def _grumble(self) -> None:
        if all(task is None for _, task in self.busy.values()):
            free = self.ray.available_resources().get("CPU", 0)
            self.say(f"Waiting for the cluster to start a worker: {free:g} of its CPUs are free.")


class _Parcels:
    """What jobs start from, in the object store: put there once, fetched once by each node that lacks it."""

    def __init__(self, ray: Any) -> None:
        self.ray, self.held = ray, OrderedDict[tuple[Path, int], Parcel]()

    def __call__(self, job: Job) -> dict[str, Parcel]:
        return {name: self._of(path) for name, path in sources(job).items()}

    def _of(self, path: Path) -> Parcel:
        version_of = path, path.stat().st_mtime_ns
        if version_of not in self.held:
            self.held[version_of] = Parcel(uuid.uuid4().hex, self.ray.put(path.read_bytes()))
        self.held.move_to_end(version_of)
        while len(self.held) > _PUT:
            self.held.popitem(last=False)
        return self.held[version_of]


def _versions() -> dict[str, str]:
    """What decides a job's outcome."""
    return {"nas": __version__, "numpy": version("numpy"), "torch": version("torch")}


def require_same_versions(theirs: Mapping[str, str]) -> None:
    """Raise NasError where a node has other versions than this machine: its outcomes would be others."""
    for package, ours in _versions().items():
        if theirs[package] != ours:
            raise NasError(f"{package} is {theirs[package]} on a node of the cluster and {ours} here. {_REMEDY}")


def gpu_share(workers: int, gpus: float) -> float:
    """Of a GPU for each worker: the most that all can have, in the ten-thousandths that Ray counts in."""
    return math.floor(1e4 / math.ceil(workers / gpus)) / 1e4 if gpus else 0.0


def _absolute(job: Job) -> Job:
    """Another process has another working folder."""
    paths = {name: path.absolute() for name, path in sources(job).items()}
    return with_sources(replace(job, out=job.out.absolute()), paths)


def _told(job: Job) -> str:
    return f"{type(job).__name__} of network {digest(job.child if isinstance(job, Adapt) else job.architecture)}"


def first_error_line(error: BaseException) -> str:
    """What a person needs of an error that tells much."""
    return (str(error).splitlines() or [type(error).__name__])[0]
