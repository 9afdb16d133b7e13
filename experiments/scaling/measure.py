"""What a search costs besides the evaluations: its driver, the pool, the way of the weights; and looks a minute.

    python experiments/scaling/measure.py driver | journal | pool | files | looks

Each part is written to `measure.json` beside this script; a search of `driver` that is there is not done again. CPU
time is of the driver's process; the wall's is told only where nothing else can be. Where two ways are compared they
take turns.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace

from nas.algorithms.block_search.block_search import BlockSearch
from nas.algorithms.block_search.latency_band import spread_draws, survey
from nas.algorithms.evaluators.evaluators import BySharing
from nas.algorithms.pipeline.context import Context, Settings
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.records import Worked
from nas.algorithms.workers.job_cache import JobCache, job_key
from nas.algorithms.workers.pool import open_pool
from nas.design.architecture import Architecture
from nas.design.container import supernet_architecture
from nas.design.graph import lower
from nas.design.known import known
from nas.design.space import load_space
from nas.jobs import EvaluateShared, Job, Outcome, Score, Train
from nas.latency.prediction.price_list import PriceList
from nas.latency.table import read_table
from nas.latency.timing import Estimate
from nas.nets.data.dataset import load_data
from nas.nets.network import build
from nas.nets.weights.weights_file import save_weights, state_of
from nas.nets.worker import WorkerSettings, open_worker

FOLDER = Path(__file__).parent
TRIALS = 300
SEARCHES = [("predictor", 4), ("predictor", 24), ("predictor", 96)]
LOSSES = 2000  # images of the largest validation split
ARCH = known("mobilenet_v3_large", 10)


def read() -> dict[str, Any]:
    path = FOLDER / "measure.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def keep(part: str, found: dict[str, Any]) -> None:
    (FOLDER / "measure.json").write_text(json.dumps({**read(), part: found}, indent=1) + "\n")


# --- the driver -------------------------------------------------------------------------------------------------------


class Table:
    """Prices of a shipped table, which is of a thousand classes; what it lacks is out of reach."""

    def __init__(self) -> None:
        self.known = PriceList(read_table(FOLDER.parents[1] / "latency_tables" / "epyc-zen5-onnxruntime.jsonl")).known

    def __call__(self, architecture: Architecture) -> Estimate:
        return self.known(architecture) or Estimate(1e9, 0.0, ())

    def ensure(self, architectures: Any) -> None:
        return None


def outcome(job: Job) -> Outcome:
    accuracy = int(job_key(job), 16) % 1000 / 1000
    return Outcome(Score(accuracy, (0.0, 1.0), 1 - accuracy, LOSSES), (0.123456789,) * LOSSES, 0.0)


def settings(**changes: Any) -> Settings:
    plain = Settings(
        command="search", target_ms=10.0, space="mobilenet_v3_large", source=None, weights=None, data="-", runtime="-",
        table="-", resolution=224, train_resolution=64, trials=0, trial_epochs=1, epochs=1, headroom=None, delta=0.01,
        steps=4, objective="constraint", seed=0, evaluator="supernet",
        sampler="tpe",
        batch=4,
        reward_exponent=-0.07,
        pareto=False,
        recipe="modern",
        targets_ms=(),
        budget_s=None,
        images=None,
        importance="l2",
        proposals="channels",
        select="paired",
        sharing="single-path",
        mode="reference",
        ending="both",
        baselines=True,
        aim=1.0,
        resolutions=(),
        auto_resolution=False,
        latency="p50",
    )  # fmt: skip
    return replace(plain, **changes)


class Timed:
    """A pool whose jobs take no time; notes the driver's CPU time at every batch."""

    def __init__(self) -> None:
        self.at: list[tuple[int, float]] = [(0, time.process_time())]

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        self.at.append((self.at[-1][0] + len(jobs), time.process_time()))
        return map(outcome, jobs)


def driver() -> dict[str, Any]:
    """CPU milliseconds an evaluation of asking, pricing, telling and the journal, after so many evaluations."""
    found = read().get("driver", {})
    for sampler, batch in SEARCHES:
        if f"{sampler}, batches of {batch}" in found:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder, pool, space = Path(name), Timed(), load_space("mobilenet_v3_large")
            journal = Journal(folder / "journal.jsonl")
            chosen, classes = settings(trials=TRIALS, sampler=sampler, batch=batch), tuple(map(str, range(1000)))
            ctx = Context(
                folder, chosen, classes, "-", "-", (), "-", journal, JobCache(folder / "weights", journal, pool),
                Table(), None, lambda message: None,
            )  # type: ignore[arg-type]  # fmt: skip
            big = supernet_architecture(space, 224, 1000)
            (folder / "w.safetensors").touch()
            search = BlockSearch(ctx, space, BySharing(ctx, big, folder / "w.safetensors"), survey(ctx, space))
            pool.at = [(0, time.process_time())]
            search.run()
        found[f"{sampler}, batches of {batch}"] = _by_hundreds(pool.at)
        print(f"driver, {sampler}, batches of {batch}: {found[f'{sampler}, batches of {batch}']}", flush=True)
        keep("driver", found)
    return found


def _by_hundreds(at: list[tuple[int, float]]) -> dict[str, float]:
    """Milliseconds an evaluation up to the first batch that begins after so many."""
    told, (last, then) = {}, at[0]
    for count, now in at[1:]:
        if count - last >= 100:
            told[str(count)] = round(1000 * (now - then) / (count - last), 2)
            last, then = count, now
    return told


def journal() -> dict[str, float]:
    """Wall milliseconds of a line with the losses of every image, forced to the disk that this script lies on."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        lines, times = Journal(Path(name) / "journal.jsonl"), []
        for number in range(200):
            job = EvaluateShared(ARCH, ARCH, Path(f"{number}"), Path())
            line = Worked(job_key(job), outcome(job))
            began = time.perf_counter()
            lines.add(line)
            times.append(1000 * (time.perf_counter() - began))
    times.sort()
    return {
        "mean_ms": round(statistics.mean(times), 2),
        "median_ms": round(times[100], 2),
        "p90_ms": round(times[180], 2),
    }


# --- the pool ---------------------------------------------------------------------------------------------------------


def open_instant(orders: int) -> Callable[[Job], Outcome]:
    """A worker whose jobs take no time; `orders` bytes of weights are read and written."""

    def worker(job: Job) -> Outcome:
        if isinstance(job, Train):
            job.out.write_bytes(job.start.read_bytes() if job.start else bytes(orders))
        return outcome(job)

    return worker


def _judges(count: int, weights: Path) -> list[Job]:
    space = load_space("mobilenet_v3_large")
    archs = [arch for _, arch in spread_draws(space, 0, 224, 10)]
    return [EvaluateShared(archs[n % len(archs)], ARCH, weights, Path(f"{n}.safetensors")) for n in range(count)]


def pool() -> dict[str, Any]:
    """Milliseconds a job that takes no time, of the driver and of everybody, by how many are under way at once.

    Two actors stand for many: each is handed so many jobs at once, which it does one after the other.
    """
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        weights = Path(name) / "w.safetensors"
        weights.touch()
        began = time.perf_counter()
        with open_pool(2, open_instant, 0, Path(name), print) as crew:
            list(crew(_judges(2, weights)))
            found["seconds until two workers have done a job each"] = round(time.perf_counter() - began, 1)
            actors = list(crew.idle)  # type: ignore[attr-defined]
            for under_way in (2, 100, 1000):
                crew.idle[:] = actors * (under_way // 2)  # type: ignore[attr-defined]
                jobs = _judges(3000, weights)
                wall, cpu = time.perf_counter(), time.process_time()
                for _ in crew(jobs):
                    pass
                each = [1000 * spent / len(jobs) for spent in (time.process_time() - cpu, time.perf_counter() - wall)]
                found[f"{under_way} under way"] = {"driver_cpu_ms": round(each[0], 2), "wall_ms": round(each[1], 2)}
                print(f"pool, {under_way} under way: {found[f'{under_way} under way']}", flush=True)
    return found


# --- the way of the weights -------------------------------------------------------------------------------------------


def files() -> dict[str, Any]:
    """Wall milliseconds of a job that only copies its weights, where the run folder is seen and where it is not.

    The same path leads elsewhere in every process that has another working folder.
    """
    from ray.cluster_utils import Cluster

    found: dict[str, Any] = {}
    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        for megabytes in (5, 40):
            for way, folder in {"seen": Path(name) / "weights", "not seen": Path("/proc/self/cwd/weights")}.items():
                folder.mkdir(exist_ok=True)
                start = folder / f"{way}.safetensors"
                start.write_bytes(os.urandom(megabytes * 10**6))
                with open_pool(1, open_instant, 0, folder, print, cluster.address) as crew:
                    list(
                        crew([EvaluateShared(ARCH, ARCH, start, folder / "x")])
                    )  # the worker starts, and is sent the file
                    times = []
                    for n in range(12):
                        job = Train(ARCH, 0, 1, megabytes, n, folder / f"{n}-{way}.safetensors", start)
                        began = time.perf_counter()
                        list(crew([job]))
                        times.append(1000 * (time.perf_counter() - began))
                found[f"{megabytes} MB, {way}"] = {
                    "least": round(min(times)),
                    "median": round(statistics.median(times)),
                }
                print(f"files, {megabytes} MB, {way}: {found[f'{megabytes} MB, {way}']}", flush=True)
    cluster.shutdown()
    return found


# --- looks ------------------------------------------------------------------------------------------------------------


def looks(rounds: int = 6, each: int = 24, side: int = 64) -> dict[str, Any]:
    """Looks a minute with one worker and with two, in turns."""
    torch.set_num_threads(1)
    data, space = load_data("digits"), load_space(str(FOLDER.parent / "supernet" / "tiny.toml"))
    big = supernet_architecture(space, side, 10)
    archs = [arch for _, arch in spread_draws(space, 0, side, 10)][: 2 * rounds * each]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "w.safetensors"
        save_weights(weights, state_of(build(lower(big))))
        worker = partial(open_worker, WorkerSettings())
        rates: dict[int, list[float]] = {1: [], 2: []}
        with open_pool(1, worker, data, folder, print) as one, open_pool(2, worker, data, folder, print) as two:
            first: list[Job] = [EvaluateShared(arch, big, weights, folder / "x") for arch in archs[-2:]]
            alone, shared = list(one(first)), list(two(first))  # workers start, and read the weights
            assert [found.losses for found in alone] == [found.losses for found in shared], "the same to the last digit"
            for _ in range(rounds):
                for workers, crew in ((1, one), (2, two)):
                    jobs: list[Job] = [EvaluateShared(archs.pop(0), big, weights, folder / "x") for _ in range(each)]
                    began = time.perf_counter()
                    list(crew(jobs))
                    rates[workers].append(60 * each / (time.perf_counter() - began))
    ratios = sorted(two / one for one, two in zip(rates[1], rates[2], strict=True))
    return {
        "looks_a_minute": {str(n): [round(rate) for rate in found] for n, found in rates.items()},
        "ratio": {"median": round(statistics.median(ratios), 2), "all": [round(ratio, 2) for ratio in ratios]},
        "load_average": os.getloadavg()[0],
    }


if __name__ == "__main__":
    for part in sys.argv[1:]:
        found = {"driver": driver, "journal": journal, "pool": pool, "files": files, "looks": looks}[part]()
        print(part, json.dumps(found))
        keep(part, found)
