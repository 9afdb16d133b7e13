"""Wires a run: data, runtime, table, learner and exporter into the search, and its result into the report."""

import re
import time
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nas.bench.bench import Bench
from nas.cli.benches import Setup, open_bench
from nas.cli.output import emit, log
from nas.cli.resolutions import told_sides
from nas.cli.tables import card, guard, open_prices
from nas.design.architecture import Architecture, digest
from nas.design.space import SearchSpace, load_space
from nas.latency.cache import cache_folder
from nas.nets.data import Data, load_data
from nas.nets.learner import LearnerSettings, open_learner
from nas.nets.recipe import default_epochs, default_train_resolution
from nas.nets.weights import load_weights
from nas.report.page import write_report
from nas.search.context import Context, EvaluatorName, Objective, SamplerName, Settings, stamp
from nas.search.folder import open_run
from nas.search.journal import Journal
from nas.search.pool import open_pool
from nas.search.records import Result
from nas.search.run import netadapt, search
from nas.search.work import Work
from nas.ship.exporter import Exporter
from nas.units import parse_ms, told_ms

_TABLE_SPACE = "mobilenet_v3_large"  # whose table is built for a network that comes without a space


# By evaluator: architectures scored, epochs as a share of the final training's, and who proposes.
_TRIALS: dict[EvaluatorName, int] = {"train": 8, "supernet": 100}
_SHARES: dict[EvaluatorName, float] = {"train": 1 / 8, "supernet": 1 / 3}
_SAMPLERS: dict[EvaluatorName, SamplerName] = {"train": "tpe", "supernet": "predictor"}


class Common(Struct, frozen=True):
    """The options that every run has, as typed."""

    target_latency: str
    data: str
    setup: Setup
    table: str | None
    allow_failed: bool
    resolution: int
    train_resolution: int | None
    epochs: float | None
    delta: float
    steps: int
    seed: int
    workers: int
    out: Path | None
    fresh: bool
    as_json: bool


class Blocks(Struct, frozen=True):
    """The options of the block search."""

    space: SearchSpace
    evaluator: EvaluatorName
    sampler: SamplerName | None
    trials: int | None
    trial_epochs: float | None
    headroom: float | None
    objective: Objective


class Source(Struct, frozen=True):
    """Where NetAdapt alone starts from."""

    architecture: Architecture
    weights: Path | None


def run(common: Common, task: Blocks | Source) -> None:
    """Do the whole run and print its result; a run that is finished already is printed again."""
    target_ms, bench = parse_ms(common.target_latency), open_bench(common.setup)
    data = load_data(common.data, common.seed)
    for note in data.notes:
        log(note)
    if isinstance(task, Source):
        task = _checked(task, data)
    settings = _settings(common, task, target_ms, data)
    folder = common.out or Path("runs") / _name(settings, common.setup)
    with open_run(folder, settings, common.fresh):
        result = _finished(folder) or _work(folder, settings, common, task, data, bench)
    emit(result, common.as_json, _told(result, folder))


def _finished(folder: Path) -> Result | None:
    path = folder / "result.json"
    if not (path.exists() and (folder / "report.html").exists()):
        return None
    log(f"{folder} is finished: this is its result. Start over with --fresh.")
    return msgspec.json.decode(path.read_bytes(), type=Result)


def _work(folder: Path, settings: Settings, common: Common, task: Blocks | Source, data: Data, bench: Bench) -> Result:
    journal = Journal(folder / "journal.jsonl")
    space = task.space if isinstance(task, Blocks) else load_space(_TABLE_SPACE)
    prices = open_prices(common.table, space, bench, settings.resolution, folder, common.allow_failed)
    learner = LearnerSettings(common.data, common.seed, settings.train_resolution)
    with open_pool(common.workers, partial(open_learner, learner)) as pool:
        ctx = Context(
            folder=folder,
            settings=settings,
            class_names=data.classes,
            device=prices.table.header.conditions.device,
            table=card(prices.table),
            notes=data.notes,
            journal=journal,
            work=Work(folder / "weights", journal, pool),
            prices=prices,
            ships=Exporter(data, bench, prices.table),
            say=_teller(),
            guard=guard(prices.table),
            shelf=cache_folder() / "shared_weights",
        )
        match task:
            case Blocks():
                result = search(ctx, task.space)
            case Source():
                result = netadapt(ctx, task.architecture, task.weights)
    write_report(folder)
    return result


def _settings(common: Common, task: Blocks | Source, target_ms: float, data: Data) -> Settings:
    epochs = common.epochs or default_epochs(data)
    train_resolution = common.train_resolution or default_train_resolution(data, common.resolution)
    blocks = task if isinstance(task, Blocks) else None
    source = task if isinstance(task, Source) else None
    return Settings(
        command="search" if blocks else "netadapt",
        target_ms=target_ms,
        space=_spelt(blocks.space) if blocks else None,
        source=digest(source.architecture) if source else None,
        weights=_named(source.weights) if source and source.weights else None,
        data=f"{data.name} {data.digest}",
        runtime=str(common.setup),
        table=common.table or "this machine's",
        resolution=common.resolution,
        train_resolution=train_resolution,
        trials=(blocks.trials or _TRIALS[blocks.evaluator]) if blocks else 0,
        trial_epochs=(blocks.trial_epochs or max(1.0, epochs * _SHARES[blocks.evaluator])) if blocks else 0,
        epochs=epochs,
        headroom=blocks.headroom if blocks else None,
        delta=common.delta,
        steps=common.steps,
        objective=blocks.objective if blocks else "constraint",
        evaluator=blocks.evaluator if blocks else "train",
        sampler=(blocks.sampler or _SAMPLERS[blocks.evaluator]) if blocks else "tpe",
        seed=common.seed,
    )


def _checked(source: Source, data: Data) -> Source:
    """The source with the data's classes; its weights must fit before anything else is done."""
    arch = replace(source.architecture, classes=len(data.classes))
    if source.weights is not None:
        fresh = load_weights(source.weights, arch).fresh
        if fresh:
            log(f"{source.weights}: {', '.join(fresh)} are for other classes and start at random.")
    return Source(arch, source.weights)


def _spelt(space: SearchSpace) -> str:
    sides = f"at {told_sides(space.resolutions)} px " if space.resolutions else ""
    return f"{space.name} {sides}{stamp(space)}"


def _named(weights: Path) -> str:
    return f"{weights.name} {stamp(weights.read_bytes())}"


def _name(settings: Settings, setup: Setup) -> str:
    data = Path(settings.data.split()[0]).stem
    return f"{settings.command}-{settings.target_ms:g}ms-{data}-{_slug(setup)}-seed{settings.seed}"


def _slug(setup: Setup) -> str:
    """The setup as a part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", str(setup).lower()).strip("-")


def _teller() -> "_Teller":
    return _Teller(time.monotonic())


class _Teller:
    """Logs with the time since the start of the process."""

    def __init__(self, started: float) -> None:
        self.started = started

    def __call__(self, message: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        log(f"[{minutes:3d}:{seconds:02d}] {message}")


def _told(result: Result, folder: Path) -> str:
    low, high = result.accuracy_ci95
    lines = [
        f"{told_ms(result.measured_ms)} ms measured in {result.runtime} for a target of {result.target_ms:g} ms "
        f"(10 to 90 %: {told_ms(result.p10_ms)} to {told_ms(result.p90_ms)}; repeatable to {told_ms(result.floor_ms)}; "
        f"predicted {told_ms(result.predicted_ms)} ± {told_ms(result.error_bound_ms)}) on {result.device}",
        f"{result.accuracy:.1%} test accuracy (95 % interval {low:.1%} to {high:.1%}) of the exported model at "
        f"{result.resolution} px, {result.params / 1e6:.2f} M parameters, {result.macs / 1e6:.0f} M MACs",
    ]
    lines += [
        f"{row.name}: {row.accuracy:.1%} ({row.accuracy_ci95[0]:.1%} to {row.accuracy_ci95[1]:.1%}), "
        f"{told_ms(row.measured_ms)} ms, {row.params / 1e6:.2f} M parameters, {row.macs / 1e6:.0f} M MACs"
        for row in (*result.endings, *result.baselines)
    ]
    return "\n".join([*lines, f"{folder / 'report.html'}"])
