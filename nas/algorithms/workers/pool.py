"""Where jobs run: in this process, or on Ray actors of this machine or of a cluster. The only file that knows Ray.

Early stopping is not Ray's: the evaluator runs a rung of all candidates at a time and decides between rungs, so what
is stopped does not depend on which worker was quicker. Ray Tune's schedulers decide as results come in, tell the
sampler a stopped trial's partial accuracy as if it were complete, do finished trials again after `Tuner.restore`, and
cost seconds a trial where an actor costs a millisecond (Ray 2.60, Optuna 5.0).
"""

import logging
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from nas.algorithms.workers.ray_pool import RayPool, first_error_line
from nas.algorithms.workers.ray_worker import RayWorker, leave_token
from nas.errors import NasError
from nas.interfaces import JobPool, Say

P = TypeVar("P")
# Set before Ray is imported: nothing is reported to anybody, workers see the GPUs there are, and those on this machine
# are as important as this process (Ray's own 15 leaves them a thirtieth of a busy core).
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
}


@contextmanager
def open_pool(
    workers: int,
    open_worker: Callable[[P], RayWorker],
    payload: P,
    folder: Path,
    say: Say,
    address: str | None = None,
) -> Iterator[JobPool]:
    """A pool of `workers`; `open_worker` makes of the payload what runs a job, once in every process.

    One worker without an address is this process and starts no Ray. With an address (`auto`, HOST:PORT, or
    ray://HOST:PORT) the workers are actors spread over that cluster's nodes. The payload is sent once to each node, and
    so are the files that jobs start from, where a node does not see `folder`, which holds the weights. A job whose
    worker or node dies goes to another. Decisions do not depend on the number of workers: jobs carry their seeds and
    results come in their order.

    Raises NasError where no cluster answers, its nodes have other packages, or a job kills three workers; what a job
    itself raises is raised as it is.
    """
    if workers == 1 and address is None:
        worker = open_worker(payload)
        yield lambda jobs: map(worker, jobs)
        return
    with _connected(workers, address) as ray:
        home, token = folder.absolute(), uuid.uuid4().hex
        leave_token(home, token)
        opening = (open_worker, ray.put(payload), home, token, ray.get)
        crew = RayPool(ray, workers, opening, home, say, apart=address is not None)
        try:
            yield crew
        finally:
            crew.close()


@contextmanager
def _connected(workers: int, address: str | None) -> Iterator[Any]:
    """Ray, joined with a cluster or on this machine, where it is the next pool's too and ends with the process."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    _join(ray, workers, address)
    try:
        yield ray
    finally:
        if address is not None:
            ray.shutdown()


def _join(ray: Any, workers: int, address: str | None) -> None:
    if ray.is_initialized() and (address is not None or ray.cluster_resources().get("CPU") != workers):
        ray.shutdown()
    if ray.is_initialized():
        return
    local = {"num_cpus": workers, "include_dashboard": False} if address is None else {}
    try:
        ray.init(address or "local", logging_level=logging.ERROR, log_to_driver=False, **local)
    except (ConnectionError, ImportError, RuntimeError, ValueError) as error:
        if address is None:
            raise NasError(
                f"Ray does not start on this machine ({first_error_line(error)}). Give --workers 1 to train "
                "in this process."
            ) from error
        raise NasError(
            f"--ray-address {address}: no Ray cluster can be joined there ({first_error_line(error)}). Start one with "
            "`ray start --head` and give its HOST:PORT on a machine of the cluster, or ray://HOST:10001 on any other "
            "(which needs `pip install 'ray[client]'`). A cluster with tokens needs RAY_AUTH_MODE=token here too."
        ) from error
