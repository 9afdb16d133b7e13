"""Where jobs run: in this process, or on Ray actors. The only file that knows Ray."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nas.search.ports import Job, Outcome, Pool

Worker = Callable[[Job], Outcome]


@contextmanager
def open_pool(workers: int, open_worker: Callable[[], Worker]) -> Iterator[Pool]:
    """A pool of `workers`; `open_worker` makes what runs a job and is called once in every process.

    One worker is this process and starts no Ray. Decisions do not depend on the number of workers: jobs carry
    their seeds and results come in their order.
    """
    if workers == 1:
        worker = open_worker()
        yield lambda jobs: map(worker, jobs)
        return
    import ray

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray.init(num_cpus=workers, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    try:
        yield _ray_pool(workers, open_worker)
    finally:
        ray.shutdown()


def _ray_pool(workers: int, open_worker: Callable[[], Worker]) -> Pool:
    import ray
    from ray.util.actor_pool import ActorPool

    class Actor:
        def __init__(self) -> None:
            self.worker = open_worker()

        def work(self, job: Job) -> Outcome:
            return self.worker(job)

    # One torch thread a worker: more only fight over the cores.
    environment = {"env_vars": {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}}
    remote: Any = ray.remote(num_cpus=1, runtime_env=environment)(Actor)
    actors = ActorPool([remote.remote() for _ in range(workers)])

    def pool(jobs: Sequence[Job]) -> Iterator[Outcome]:
        return iter(actors.map(lambda actor, job: actor.work.remote(job), list(jobs)))

    return pool
