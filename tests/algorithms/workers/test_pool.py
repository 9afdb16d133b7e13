"""The pool against a Ray cluster of two nodes on this machine: workers, nodes and drivers are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas import __version__
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.workers.job_cache import JobCache, Results, job_key
from nas.algorithms.workers.pool import open_pool
from nas.algorithms.workers.ray_pool import gpu_share, require_same_versions
from nas.errors import InvalidData, NasError
from nas.jobs import Job
from tests.algorithms.side_worker import Orders, begun, judge, open_worker, outcome, train

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # workers find this folder's code wherever they run
        patch.setenv("RAY_worker_niceness", "0")  # on a busy machine they would take minutes to start
        found: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        yield found
        found.shutdown()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


@pytest.fixture
def run(tmp_path: Path, cluster: Any) -> Callable[..., list[Any]]:
    """Outcomes of jobs in a pool of the cluster, one list of them after the other."""

    def run(orders: Orders, *jobs: list[Job], workers: int = 2, folder: Path = tmp_path / "weights") -> list[Any]:
        with open_pool(workers, open_worker, orders, folder, print, cluster.address) as pool:
            return [found for some in jobs for found in pool(some)]

    return run


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_outcomes_are_in_order_and_of_every_job_once(
    notes: Path, tmp_path: Path, run: Callable[..., list[Any]]
) -> None:
    jobs = [train(seed, tmp_path / "weights") for seed in range(8)]
    assert run(Orders(notes), jobs) == [outcome(job) for job in jobs]
    assert begun(notes) == dict.fromkeys(range(8), 1)
    assert all(job.out.read_text().startswith(job_key(job)) for job in jobs)


def test_a_killed_worker_costs_its_job_and_no_other(notes: Path, tmp_path: Path, run: Callable[..., list[Any]]) -> None:
    jobs = [train(seed, tmp_path / "weights") for seed in range(6)]
    assert run(Orders(notes, dies_once=(1, 4)), jobs) == [outcome(job) for job in jobs]
    assert begun(notes) == {seed: 2 if seed in (1, 4) else 1 for seed in range(6)}


def test_a_job_that_kills_three_workers_is_named(notes: Path, tmp_path: Path, run: Callable[..., list[Any]]) -> None:
    with pytest.raises(NasError, match=r"Train of network .* killed 3 workers, most likely for lack of memory"):
        run(Orders(notes, dies=(0,)), [train(0, tmp_path / "weights")], workers=1)
    assert begun(notes) == {0: 3}


def test_what_a_job_raises_arrives_as_it_is(notes: Path, tmp_path: Path, run: Callable[..., list[Any]]) -> None:
    with pytest.raises(NasError, match=r"^seed 1 diverged$") as caught:
        run(Orders(notes, fails=(1,)), [train(seed, tmp_path / "weights") for seed in range(3)])
    assert type(caught.value) is NasError
    with pytest.raises(InvalidData, match=r"^the data are gone$") as caught:
        run(Orders(notes, unopened=True), [train(0, tmp_path / "weights")])
    assert type(caught.value) is InvalidData


def test_without_a_common_folder_files_travel(
    notes: Path, tmp_path: Path, run: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every process has its own working folder: the same path is another place for the workers."""
    monkeypatch.chdir(tmp_path)
    folder = Path("/proc/self/cwd/weights")
    first = train(0, folder)
    second = train(1, folder, first.out)
    jobs: list[Job] = [first, second, judge(folder, second.out), judge(folder, second.out, keep=True)]
    assert run(Orders(notes), *([job] for job in jobs), folder=folder) == [outcome(job) for job in jobs]
    assert all(Results(folder).find(job_key(job)) == outcome(job) for job in jobs)
    assert first.out.read_text() in second.out.read_text()
    assert not (ROOT / "weights").exists()
    assert not list((Path(gettempdir()) / f"nas-copies-{os.getuid()}").glob("*/*"))
    names = {path.name for path in (tmp_path / "weights").glob("*.safetensors")}
    assert names == {"0.safetensors", "1.safetensors", "judged.safetensors"}


def test_a_killed_node_costs_its_job_and_no_other(
    notes: Path, tmp_path: Path, cluster: Any, run: Callable[..., list[Any]]
) -> None:
    node = cluster.add_node(num_cpus=1)
    jobs = [train(seed, tmp_path / "weights") for seed in range(6)]

    def kill() -> None:
        try:
            until(lambda: len(begun(notes)) == 3)  # a worker on every CPU, so one on the node
            workers = {int((notes / str(seed)).read_text()) for seed in range(3)}
            cluster.remove_node(node, allow_graceful=False)
            until(lambda: not all(alive(worker) for worker in workers))
        finally:
            (notes / "go").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    found = run(Orders(notes, waits=(0, 1, 2)), jobs, workers=3)
    killer.join()
    assert found == [outcome(job) for job in jobs]
    assert sorted(begun(notes).values()) == [1, 1, 1, 1, 1, 2]


DRIVER = """
import signal
import sys
from pathlib import Path
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.workers.pool import open_pool
from nas.algorithms.workers.job_cache import JobCache
from tests.algorithms.side_worker import Orders, open_worker, train

signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background, it would be deaf to it
folder, address, waits = Path(sys.argv[1]), sys.argv[2] or None, (0,) if sys.argv[3] else ()
orders = Orders(folder / "notes", waits=waits)
with open_pool(2, open_worker, orders, folder / "weights", print, address) as pool:
    work = JobCache(folder / "weights", Journal(folder / "journal.jsonl"), pool)
    work.do([train(seed, folder) for seed in range(6)])
"""


@contextmanager
def drive(folder: Path, address: str, waits: bool) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", DRIVER, str(folder), address, "waits" if waits else ""]
    with subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL) as driver:
        try:
            yield driver
        finally:
            driver.kill()


def test_a_killed_driver_loses_and_repeats_nothing_that_was_finished(notes: Path, tmp_path: Path, cluster: Any) -> None:
    results = tmp_path / "weights" / "results"
    with drive(tmp_path, cluster.address, waits=True) as driver:
        until(lambda: len(list(results.glob("*.json"))) == 5)  # all but the first, which the journal waits for
        driver.kill()
    assert not Journal(tmp_path / "journal.jsonl").records
    assert begun(notes) == dict.fromkeys(range(6), 1)
    with drive(tmp_path, cluster.address, waits=False) as driver:
        assert driver.wait(60) == 0
    assert begun(notes) == {0: 2, **dict.fromkeys(range(1, 6), 1)}
    assert not list(results.glob("*.json"))
    alone = tmp_path / "alone"
    work = JobCache(
        alone / "weights", Journal(alone / "journal.jsonl"), lambda jobs: map(open_worker(Orders(notes)), jobs)
    )
    work.do([train(seed, tmp_path) for seed in range(6)])
    assert (tmp_path / "journal.jsonl").read_bytes() == (alone / "journal.jsonl").read_bytes()


def children(process: int) -> set[int]:
    """All processes that descend from one."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, last = {process}, set[int]()
    while found != last:
        last, found = found, found | {child for child, parent in parents.items() if parent in found}
    return found - {process}


def test_an_interrupted_run_leaves_no_process(notes: Path, tmp_path: Path) -> None:
    with drive(tmp_path, "", waits=True) as driver:
        until(lambda: len(begun(notes)) == 6)
        left = children(driver.pid)
        assert len(left) > 3
        os.killpg(driver.pid, signal.SIGINT)
        assert driver.wait(120) != 0
    until(lambda: not any(map(alive, left)))


TWICE = """
import sys
from pathlib import Path
from nas.algorithms.workers.pool import open_pool
from tests.algorithms.side_worker import Orders, open_worker, train

import ray

folder, sessions = Path(sys.argv[1]), []
for seed, workers in enumerate((2, 2, 1 + 2)):
    with open_pool(workers, open_worker, Orders(folder / "notes"), folder / "weights", print) as pool:
        list(pool([train(seed, folder)]))
        sessions.append(ray.get_runtime_context().gcs_address)
print(sessions[0] == sessions[1], sessions[1] == sessions[2], flush=True)
"""


def test_the_next_pool_of_as_many_takes_over_the_ray_of_this_machine(notes: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", TWICE, str(tmp_path)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]
    assert sorted(begun(notes)) == [0, 1, 2]


@given(st.integers(1, 300), st.integers(1, 64))
def test_all_workers_have_a_share_of_a_gpu(workers: int, gpus: int) -> None:
    share = gpu_share(workers, gpus)
    assert 0 < share <= 1
    assert int(1 / share) * gpus >= workers
    assert share == 1 or int(1 / (share + 1e-4)) * gpus < workers, "the most that all can have"


def test_without_gpus_none_is_asked_for() -> None:
    assert gpu_share(7, 0.0) == 0.0
    assert [gpu_share(workers, 2) for workers in (1, 2, 3, 4, 6)] == [1, 1, 0.5, 0.5, 0.3333]


def test_a_node_with_another_torch_is_refused() -> None:
    require_same_versions({"nas": __version__, "numpy": version("numpy"), "torch": version("torch")})
    with pytest.raises(NasError, match=r"torch is 1\.0 on a node of the cluster and .* here\. Every node needs"):
        require_same_versions({"nas": __version__, "numpy": version("numpy"), "torch": "1.0"})


def test_where_no_cluster_answers_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    with (
        pytest.raises(NasError, match=r"ray://nowhere:1: no Ray cluster can be joined.*`ray start --head`"),
        open_pool(2, open_worker, Orders(tmp_path), tmp_path, print, "ray://nowhere:1"),
    ):
        pass


def test_one_worker_starts_no_ray(notes: Path, tmp_path: Path) -> None:
    command = (
        "import sys; from pathlib import Path; from nas.algorithms.workers.pool import open_pool\n"
        "with open_pool(1, lambda data: lambda job: data, 7, Path(), print) as pool: found = list(pool([1, 2]))\n"
        "assert found == [7, 7] and 'ray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", command], check=True, cwd=ROOT)
