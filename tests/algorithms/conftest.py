"""A world without torch, runtime or clock: prices are MACs, training is a formula, weights are small files."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from nas.algorithms.netadapt.loop import NetAdapt
from nas.algorithms.pipeline.context import Context, Settings
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.records import Step
from nas.algorithms.workers.job_cache import JobCache, derive
from nas.design.alternatives import assembled
from nas.design.architecture import Architecture, digest
from nas.design.cost import macs, params
from nas.design.edits.edit import edited
from nas.design.graph import lower
from nas.design.space import SearchSpace, load_space
from nas.interfaces import Say
from nas.jobs import (
    Adapt,
    Assemble,
    ClassScores,
    EvaluateEdits,
    EvaluateShared,
    Job,
    Outcome,
    Score,
    Share,
    Train,
    TrainPieces,
)
from nas.latency.timing import Estimate, Measurement

HOLD_OUT = 50
MACS_PER_MS = 50e6


@lru_cache(maxsize=100_000)
def _price(architecture: Architecture) -> Estimate:
    """Runs of one seed ask for the same networks, whole or killed and gone on with."""
    return Estimate(macs(lower(architecture)) / MACS_PER_MS, 0.1, ())


class FakePrices:
    """A millisecond for every 50 M MACs."""

    def __call__(self, architecture: Architecture) -> Estimate:
        return _price(architecture)

    def known(self, architecture: Architecture) -> Estimate:
        return self(architecture)

    def ensure(self, architectures: Iterable[Architecture]) -> None:
        for architecture in architectures:
            self(architecture)


class FakeShips:
    """A clock that reads `slower` times the prediction; `slower` may differ for the exported model."""

    suffix = ".onnx"

    def __init__(self, slower: float = 1.0) -> None:
        self.slower = slower
        self.validated: list[str] = []
        self.tested: list[str] = []

    def measure(self, architectures: Sequence[Architecture]) -> list[Measurement]:
        return [self._measurement(arch) for arch in architectures]

    def export(self, architecture: Architecture, weights: Path, out: Path) -> float:
        out.parent.mkdir(exist_ok=True)
        out.write_bytes(weights.read_bytes())
        return 1e-6

    def time(self, architecture: Architecture, weights: Path, model: Path) -> Measurement:
        assert model.exists()
        return self._measurement(architecture)

    def draw(self, architecture: Architecture, model: Path) -> tuple[tuple[str, bytes], ...]:
        return ()

    def validate(self, architecture: Architecture, model: Path) -> Score:
        self.validated.append(model.name)
        return learnt(architecture, 9.0)

    def test(self, architecture: Architecture, model: Path) -> tuple[Score, ClassScores]:
        self.tested.append(model.name)
        return learnt(architecture, 10.0), ClassScores((30, 10), (30, 20))

    def _measurement(self, arch: Architecture) -> Measurement:
        ms = FakePrices()(arch).ms * self.slower
        return Measurement("fake", ms, ms * 0.99, ms * 1.01, 60, False, 0.01, ms)


def learnt(arch: Architecture, epochs: float) -> Score:
    """More parameters and more epochs are better, with a little luck of the architecture's own."""
    luck = derive(digest(arch)) % 1000 / 50_000
    accuracy = (1 - math.exp(-epochs)) * (0.5 + 0.05 * math.log10(params(lower(arch)))) + luck
    return Score(accuracy, (accuracy - 0.05, accuracy + 0.05), 1 - accuracy, HOLD_OUT)


def fake_worker(job: Job) -> Outcome:
    """Does a job by formula; what it starts from must exist, what it makes is written."""
    match job:
        case Train():
            assert job.start is None or job.start.exists()
            arch, score = job.architecture, learnt(job.architecture, job.last)
        case Adapt():
            assert job.weights.exists()
            arch, score = job.child, learnt(job.child, 5.0)
        case Share():
            assert job.start is None or job.start.exists()
            arch, score = job.architecture, learnt(job.largest, job.last)
        case EvaluateShared():
            assert job.weights.exists()
            arch, score = job.architecture, learnt(job.architecture, 3.0)
        case EvaluateEdits():
            assert job.weights.exists()
            children = [edited(job.architecture, edit) for edit in job.edits]
            parts = tuple(_seen(child, learnt(child, 4.0)) for child in children)
            return replace(_seen(job.architecture, learnt(job.architecture, 4.0)), edits=parts)
        case TrainPieces():
            assert job.weights.exists()
            children = [assembled(job.architecture, [piece]) for piece in job.pieces]
            parts = tuple(_seen(child, learnt(child, 4.0)) for child in children)
            job.out.write_text("\n".join(piece.name for piece in job.pieces))
            return replace(_seen(job.architecture, learnt(job.architecture, 4.0)), edits=parts)
        case Assemble():
            assert job.weights.exists()
            known = "\n".join(file.read_text() for file in job.library).split("\n")
            assert {piece.name for piece in job.pieces} <= set(known)
            arch = replace(assembled(job.architecture, job.pieces), resolution=job.resolution)
            score = learnt(arch, 4.0)
    if not isinstance(job, EvaluateShared | Assemble) or job.keep:
        networks = job.networks if isinstance(job, Share) else ()
        job.out.write_text(" ".join([digest(arch), *map(digest, networks)]))
    return _seen(arch, score)


def _seen(arch: Architecture, score: Score) -> Outcome:
    name = digest(arch)
    losses = tuple(score.loss + (derive(name, k) % 100 - 50) / 1e5 for k in range(HOLD_OUT))
    return Outcome(score, losses, 0.0)


class CountingPool:
    """A pool in this process that remembers its jobs."""

    def __init__(self, worker: Callable[[Job], Outcome] = fake_worker) -> None:
        self.worker = worker
        self.jobs: list[Job] = []

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        for job in jobs:
            self.jobs.append(job)
            yield self.worker(job)


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power fails during the tests, and a thousand journal lines forced to a busy disk take minutes."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def space() -> SearchSpace:
    return load_space("mobilenet_v3_small")


def settings(**changes: object) -> Settings:
    """Settings of a small search, with changes."""
    values: dict[str, object] = {
        "command": "search",
        "target_ms": 1.2,
        "space": "mobilenet_v3_small",
        "source": None,
        "weights": None,
        "data": "fake",
        "runtime": "fake",
        "table": "fake",
        "resolution": 224,
        "train_resolution": None,
        "trials": 10,
        "trial_epochs": 2.0,
        "epochs": 4.0,
        "headroom": 1.1,
        "delta": 0.02,
        "steps": 2,
        "objective": "constraint",
        "seed": 0,
        "evaluator": "train",
        "sampler": "tpe",
        "batch": 4,
        "reward_exponent": -0.07,
        "pareto": False,
        "recipe": "modern",
        "targets_ms": (),
        "budget_s": None,
        "images": None,
        "importance": "l2",
        "proposals": "channels",
        "select": "paired",
        "sharing": "single-path",
        "mode": "reference",
        "ending": "both",
        "baselines": True,
        "aim": 1.0,
        "resolutions": (),
        "auto_resolution": False,
        "latency": "p50",
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


def context(
    folder: Path,
    pool: CountingPool | None = None,
    ships: FakeShips | None = None,
    shelf: Path | None = None,
    say: Say = lambda message: None,
    export_steps: bool = False,
    pause: Callable[[float], None] = lambda seconds: None,
    **changes: object,
) -> Context:
    """A context in a folder; opening it again continues the same journal."""
    folder.mkdir(exist_ok=True)
    journal = Journal(folder / "journal.jsonl")
    return Context(
        folder=folder,
        settings=settings(**changes),
        class_names=tuple("abcdefghij"),
        device="fake",
        table="fake",
        notes=(),
        data_description="fake data",
        journal=journal,
        work=JobCache(folder / "weights", journal, pool or CountingPool()),
        prices=FakePrices(),
        ships=ships or FakeShips(),
        say=say,
        shelf=shelf,
        export_steps=export_steps,
        pause=pause,
    )


def started(ctx: Context, arch: Architecture) -> NetAdapt:
    """NetAdapt at its first step, from weights that are a word."""
    seed = Step("step-0", 0, "seed", arch, ctx.prices(arch).ms, Score(0.5, (0.4, 0.6), 1.0, 50), "seed.safetensors")
    (ctx.work.folder / seed.weights).write_text("seed")
    return NetAdapt(ctx, seed)


@pytest.fixture
def open_context() -> Callable[..., Context]:
    return context


@pytest.fixture
def counting_pool() -> type[CountingPool]:
    return CountingPool


@pytest.fixture
def fake_ships() -> type[FakeShips]:
    return FakeShips
