"""What was asked of a run: its options as typed, and the settings that follow from them."""

import os
import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nas.cli.options.bench import Setup
from nas.cli.options.resolution import told_sides
from nas.cli.text.output import log
from nas.design.architecture import Architecture, digest
from nas.design.files import write_bytes
from nas.design.space import SearchSpace
from nas.errors import InvalidRun, NasError
from nas.jobs import ImportanceName, SharingRule
from nas.latency.statistic import LatencyName
from nas.nets.data.dataset import Data
from nas.nets.training.batches import device
from nas.nets.training.recipe import RECIPES, default_epochs
from nas.nets.weights.weights_file import load_weights
from nas.nets.worker import WorkerSettings
from nas.search.pipeline.context import (
    EndingName,
    EvaluatorName,
    Mode,
    Objective,
    ProposalKinds,
    SamplerName,
    Selection,
    Settings,
    short_digest,
)
from nas.units import parse_s, parse_targets

# By evaluator: architectures scored, epochs as a share of the final training's, and who proposes.
_TRIALS: dict[EvaluatorName, int] = {"train": 8, "supernet": 100, "zero-cost": 200}
_SHARES: dict[EvaluatorName, float] = {"train": 1 / 8, "supernet": 2, "zero-cost": 0}
_SANDWICH = 4  # networks of a step: an epoch takes so many times as long as of single paths
_SAMPLERS: dict[EvaluatorName, SamplerName] = {"train": "tpe", "supernet": "predictor", "zero-cost": "predictor"}
_FRONT_SAMPLER: SamplerName = "nsga2"
_FRONT_TRIALS: dict[EvaluatorName, int] = {"train": 24, "supernet": 200}
# Architectures scored between proposals: few where each is dear, for proposals learn from what was scored before, and
# enough for many workers where each takes a second.
_BATCHES: dict[EvaluatorName, int] = {"train": 4, "supernet": 16, "zero-cost": 16}

_DELTA = 0.01  # of NetAdapt
# Where proposals are repaired, so few mini-batches as a search can afford raise the loss that they are to lower.
_STEPS: dict[Mode, int] = {"reference": 4, "cheap": 0}
_PROCESSES = 4  # at most, unless asked for: each holds a gigabyte
_FILE = "asked.json"


class RunOptions(Struct, frozen=True):
    """The options that every run has, as typed. A `resolution` of None is still to be chosen."""

    target_latency: str
    data: str
    setup: Setup
    table: str | None
    allow_failed: bool
    resolution: int | None
    train_resolution: int | None
    epochs: float | None
    delta: float | None
    steps: int | None
    seed: int
    recipe: str
    workers: int | None
    ray_address: str | None
    budget: str | None
    images: int | None
    out: Path | None
    fresh: bool
    as_json: bool
    importance: ImportanceName = "taylor"
    proposals: ProposalKinds = "channels"
    select: Selection = "paired"
    mode: Mode = "cheap"
    export_steps: bool = False
    ending: EndingName = "both"
    baselines: bool = True
    auto_resolution: bool = False
    latency: LatencyName = "p50"


class SearchOptions(Struct, frozen=True):
    """The options of the block search."""

    space: SearchSpace
    evaluator: EvaluatorName
    sampler: SamplerName | None
    trials: int | None
    trial_epochs: float | None
    headroom: float | None
    objective: Objective
    reward_exponent: float
    pareto: bool
    sharing: SharingRule = "single-path"


class NetAdaptOptions(Struct, frozen=True):
    """Where NetAdapt alone starts from."""

    architecture: Architecture
    weights: Path | None


class RunRequest(Struct, frozen=True):
    """All that a run was asked for, kept as `asked.json`; `blocks` or `source` is there."""

    common: RunOptions
    blocks: SearchOptions | None = None
    source: NetAdaptOptions | None = None

    @property
    def task(self) -> SearchOptions | NetAdaptOptions:
        """What is to be done."""
        assert self.blocks is not None or self.source is not None, "whoever writes one gives a task"
        return self.blocks or self.source  # type: ignore[return-value]


def keep_request(folder: Path, common: RunOptions, task: SearchOptions | NetAdaptOptions) -> None:
    """Write what a run was asked for, its files named so that they are found from any folder."""
    if isinstance(task, NetAdaptOptions) and task.weights is not None:
        task = replace(task, weights=task.weights.absolute())
    here = replace(common, data=_anywhere(common.data), table=common.table and _anywhere(common.table))
    asked = RunRequest(
        here, task if isinstance(task, SearchOptions) else None, task if isinstance(task, NetAdaptOptions) else None
    )
    write_bytes(folder / _FILE, msgspec.json.encode(asked, enc_hook=str))


def read_request(folder: Path) -> RunRequest:
    """What `keep_request` wrote; raises InvalidRun where it is not there or damaged."""
    path = folder / _FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRequest, dec_hook=_path)
    except FileNotFoundError as error:
        raise InvalidRun(
            f"{path}: is not there, so {folder} is no run, or one of an older version. Name the folder that "
            "`nas search` or `nas netadapt` wrote, or start the same command again with --out."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidRun(f"{path}: {error}. Start the same command again with --out {folder}.") from error


def _path(kind: type, value: Any) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind)


def _anywhere(name: str) -> str:
    return str(Path(name).absolute()) if Path(name).exists() else name


def targets_of(common: RunOptions) -> tuple[float, ...]:
    """The latencies to meet in milliseconds, rising."""
    return parse_targets(common.target_latency)


def settings_of(
    common: RunOptions, task: SearchOptions | NetAdaptOptions, targets_ms: tuple[float, ...], data: Data
) -> Settings:
    """The settings of a run; what was left open follows from the data and the evaluator."""
    epochs = common.epochs or default_epochs(data)
    blocks = task if isinstance(task, SearchOptions) else None
    source = task if isinstance(task, NetAdaptOptions) else None
    assert common.resolution is not None, "it was chosen before"
    return Settings(
        command="search" if blocks else "netadapt",
        target_ms=targets_ms[0],
        targets_ms=targets_ms if len(targets_ms) > 1 else (),
        space=_spelt(blocks.space) if blocks else None,
        source=digest(source.architecture) if source else None,
        weights=_named(source.weights) if source and source.weights else None,
        data=f"{Path(common.data).absolute().name} {data.digest}",
        runtime=str(common.setup),
        table=Path(common.table).name if common.table else "this machine's",
        resolution=common.resolution,
        train_resolution=common.train_resolution,
        trials=_trials(blocks) if blocks else 0,
        trial_epochs=_trial_epochs(blocks, epochs) if blocks else 0,
        epochs=epochs,
        headroom=blocks.headroom if blocks else None,
        delta=common.delta or _DELTA,
        steps=_STEPS[common.mode] if common.steps is None else common.steps,
        objective=blocks.objective if blocks else "constraint",
        evaluator=blocks.evaluator if blocks else "train",
        sampler=_sampler(blocks) if blocks else "tpe",
        batch=_BATCHES[blocks.evaluator] if blocks else 0,
        reward_exponent=blocks.reward_exponent if blocks else 0.0,
        pareto=blocks is not None and blocks.pareto,
        seed=common.seed,
        recipe=common.recipe,
        importance=common.importance,
        proposals=common.proposals,
        select=common.select,
        mode=common.mode,
        ending=common.ending,
        baselines=common.baselines,
        sharing=blocks.sharing if blocks else "single-path",
        budget_s=None if common.budget is None else parse_s(common.budget),
        images=common.images,
        resolutions=blocks.space.sides(common.resolution) if blocks else (common.resolution,),
        auto_resolution=common.auto_resolution,
        latency=common.latency,
    )


def check_front(common: RunOptions, blocks: SearchOptions) -> None:
    """Raise NasError where what was asked for does not go with a whole front."""
    if blocks.evaluator == "zero-cost":
        raise NasError(
            "--pareto is a front of accuracies and --evaluator zero-cost knows none: take supernet or train."
        )
    if blocks.sampler == "predictor":
        raise NasError('--pareto has two objectives and --sampler predictor knows one: take "nsga2" or "motpe".')
    if blocks.objective == "reward":
        raise NasError("--pareto and --objective reward are two ways to trade accuracy for latency: take one of them.")
    if common.budget is not None:
        raise NasError("--budget plans a search to the end and --pareto trains none: give --trials and --trial-epochs.")


def _sampler(blocks: SearchOptions) -> SamplerName:
    return blocks.sampler or (_FRONT_SAMPLER if blocks.pareto else _SAMPLERS[blocks.evaluator])


def _trial_epochs(blocks: SearchOptions, epochs: float) -> float:
    usual = epochs * _SHARES[blocks.evaluator] / (_SANDWICH if blocks.sharing == "sandwich" else 1)
    return blocks.trial_epochs or max(1.0, usual)


def _trials(blocks: SearchOptions) -> int:
    usual = _FRONT_TRIALS if blocks.pareto else _TRIALS
    return blocks.trials or usual[blocks.evaluator]


def processes(common: RunOptions) -> int:
    """How many processes train: as many as asked for; else one a core, up to four; one where there is a GPU."""
    if common.workers is not None:
        return common.workers
    if common.ray_address is not None or device().type == "cuda":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_PROCESSES, cores)


def learner_of(settings: Settings) -> WorkerSettings:
    """How a run's networks are trained."""
    return WorkerSettings(replace(RECIPES[settings.recipe], small=settings.train_resolution))


def checked(source: NetAdaptOptions, data: Data) -> NetAdaptOptions:
    """The source with the data's classes; its weights must fit before anything else is done."""
    arch = replace(source.architecture, classes=len(data.classes))
    if source.weights is not None:
        fresh = load_weights(source.weights, arch).fresh
        if fresh:
            log(f"{source.weights}: {', '.join(fresh)} are for other classes and start at random.")
    return NetAdaptOptions(arch, source.weights)


def _spelt(space: SearchSpace) -> str:
    sides = f"at {told_sides(space.resolutions)} px " if space.resolutions else ""
    return f"{space.name} {sides}{short_digest(space)}"


def _named(weights: Path) -> str:
    return f"{weights.name} {short_digest(weights.read_bytes())}"


def run_name(
    common: RunOptions, task: SearchOptions | NetAdaptOptions, targets_ms: tuple[float, ...], data: str
) -> str:
    """The name of a run's folder if none is given; `data` is the name of the data set."""
    targets = "-".join(f"{ms:g}ms" for ms in targets_ms)
    if common.latency != "p50":
        targets += f"-{common.latency}"
    command = "netadapt" if isinstance(task, NetAdaptOptions) else "front" if task.pareto else "search"
    return f"{command}-{targets}-{Path(data).stem}-{_slug(common.setup)}-seed{common.seed}"


def _slug(setup: Setup) -> str:
    """The setup as a part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", str(setup).lower()).strip("-")
