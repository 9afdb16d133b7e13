"""A worker for other processes: does jobs by formula, notes every one it begins, and dies or waits as it is told."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from nas.algorithms.workers.job_cache import job_key, writes
from nas.design.architecture import Architecture
from nas.design.known import known
from nas.errors import InvalidData, NasError
from nas.jobs import EvaluateShared, Job, Outcome, Score, Train, sources

ARCH = known("mobilenet_v3_small", 10)


class Orders(Struct, frozen=True):
    """The payload: a folder for notes, and which seeds do what. Waiting is for a file `go` there."""

    notes: Path
    waits: tuple[int, ...] = ()
    dies_once: tuple[int, ...] = ()
    dies: tuple[int, ...] = ()
    fails: tuple[int, ...] = ()
    unopened: bool = False
    seconds: float = 0.0


def train(seed: int, folder: Path, start: Path | None = None, arch: Architecture = ARCH) -> Train:
    return Train(arch, 0, 1, 1, seed, folder / f"{seed}.safetensors", start)


def outcome(job: Job) -> Outcome:
    """What a job gives: a function of all it depends on."""
    accuracy = int(job_key(job), 16) % 1000 / 1000
    return Outcome(Score(accuracy, (0.0, 1.0), 1 - accuracy, 2), (0.25, accuracy), 0.0)


def open_worker(orders: Orders) -> Callable[[Job], Outcome]:
    if orders.unopened:
        raise InvalidData("the data are gone")

    def worker(job: Job) -> Outcome:
        seed = job.seed if isinstance(job, Train) else -1
        began = note(orders.notes, seed)
        if seed in orders.dies or (seed in orders.dies_once and began == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        while seed in orders.waits and not (orders.notes / "go").exists():
            time.sleep(0.02)
        if seed in orders.fails:
            raise NasError(f"seed {seed} diverged")
        time.sleep(orders.seconds)
        before = "".join(path.read_text() for path in sources(job).values())
        if writes(job, outcome(job)):
            job.out.write_text(f"{job_key(job)} after ({before})")
        return outcome(job)

    return worker


def note(notes: Path, seed: int) -> int:
    """One more line in the notes of a seed: who does it; how many there are now."""
    with (notes / str(seed)).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return begun(notes)[seed]


def begun(notes: Path) -> dict[int, int]:
    """How often each seed was begun."""
    return {
        int(path.name): len(path.read_text().split()) for path in notes.iterdir() if path.name.lstrip("-").isdigit()
    }


def judge(folder: Path, weights: Path, keep: bool = False) -> EvaluateShared:
    return EvaluateShared(ARCH, ARCH, weights, folder / "judged.safetensors", keep)
