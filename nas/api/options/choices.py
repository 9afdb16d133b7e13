"""The settings that follow from the options of a run, its data and its evaluator."""

import os
import re
from pathlib import Path
from typing import TypeVar, assert_never

from msgspec.structs import replace

from nas.algorithms.pipeline.context import EvaluatorKind, Mode, SamplerName, Settings, short_digest
from nas.api.options.heads import fit_head, fit_space
from nas.api.options.resolution import told_sides
from nas.api.options.setup import describe_setup
from nas.api.options.structs import NetAdaptOptions, RunOptions, SearchOptions
from nas.api.options.subject import NetworkSubject, RunSubject, SpaceSubject, StartsSubject
from nas.api.plugins import Plugins
from nas.design.architecture import Architecture, digest
from nas.design.dense.head import HeadName
from nas.design.space import SearchSpace
from nas.errors import NasError
from nas.interfaces import Say
from nas.nets.data.dataset import Data
from nas.nets.training.batches import device
from nas.nets.training.recipe import choose_recipe, default_epochs
from nas.nets.weights.weights_file import load_weights
from nas.nets.worker import TrainFunction, WorkerSettings
from nas.units import parse_s, parse_targets

# By evaluator: architectures scored, epochs as a share of the final training's, and who proposes.
_TRIALS: dict[EvaluatorKind, int] = {"train": 8, "supernet": 100, "zero-cost": 200, "own": 100, "library": 36}
_SHARES: dict[EvaluatorKind, float] = {"train": 1 / 8, "supernet": 2, "zero-cost": 0, "own": 0, "library": 1 / 10}
_SANDWICH = 4  # networks of a step: an epoch takes so many times as long as of single paths
_SAMPLERS: dict[EvaluatorKind, SamplerName] = {
    "train": "tpe", "supernet": "predictor", "zero-cost": "predictor", "own": "predictor",
    "library": "predictor",
}  # fmt: skip
_FRONT_SAMPLER: SamplerName = "nsga2"
_FRONT_TRIALS: dict[EvaluatorKind, int] = {"train": 24, "supernet": 200}
# Architectures scored between proposals: few where each is expensive, for proposals learn from what was scored before,
# and enough for many workers where each takes a second.
_BATCHES: dict[EvaluatorKind, int] = {"train": 4, "supernet": 16, "zero-cost": 16, "own": 16}

_DELTA = 0.01  # of NetAdapt
# Where proposals are repaired, so few mini-batches as a search can afford raise the loss that they are to lower.
_STEPS: dict[Mode, int] = {"reference": 4, "cheap": 0}
_PROCESSES = 4  # at most, unless asked for: each holds a gigabyte


def targets_of(options: RunOptions) -> tuple[float, ...]:
    """The latencies to meet in milliseconds, rising."""
    return parse_targets(options.target_latency)


def settings_of(
    options: SearchOptions | NetAdaptOptions,
    subject: RunSubject,
    targets_ms: tuple[float, ...],
    data: Data,
    own: dict[str, str] | None = None,
) -> Settings:
    """The settings of a run; what was left open follows from the data and the evaluator.

    `own` names the parts that the caller brings (see `Plugins.names`).
    """
    epochs = options.epochs or default_epochs(data)
    weights = weights_named(subject)
    assert subject.resolution is not None, "it was chosen before"
    settings = Settings(
        command="netadapt",
        target_ms=targets_ms[0],
        targets_ms=targets_ms if len(targets_ms) > 1 else (),
        space=None,
        source=source_named(subject),
        weights=weights,
        data=f"{Path(options.data).absolute().name} {data.digest}",
        runtime=describe_setup(options),
        table=Path(options.table).name if options.table else "this machine's",
        resolution=subject.resolution,
        train_resolution=options.train_resolution,
        trials=0,
        trial_epochs=0,
        epochs=epochs,
        headroom=None,
        delta=options.delta or _DELTA,
        steps=_STEPS[options.mode] if options.steps is None else options.steps,
        objective="constraint",
        evaluator="train",
        sampler="tpe",
        batch=0,
        reward_exponent=0.0,
        pareto=False,
        sharing="single-path",
        budget_s=None,
        aim=1.0,
        seed=options.seed,
        recipe=options.recipe,
        augment=options.augment_names,
        importance=options.importance,
        proposals=options.proposals,
        select=options.select,
        mode=options.mode,
        ending=options.ending or ("both" if weights is None else "inherited"),
        baselines=options.baselines,
        images=options.images,
        resolutions=(subject.resolution,),
        auto_resolution=subject.chosen,
        latency=options.latency,
        own=own or {},
        keep=options.keep_parts,
        limits=options.limits,
        task=data.task,
    )
    if isinstance(subject, NetworkSubject):
        return settings
    assert isinstance(options, SearchOptions), "NetAdapt has a network"
    if isinstance(subject, StartsSubject):
        return _of_starts(settings, options, subject)
    return _of_search(settings, options, subject, epochs)


def _of_starts(settings: Settings, options: SearchOptions, subject: StartsSubject) -> Settings:
    return replace(
        settings,
        command="search",
        trials=options.trials or _TRIALS["library"],
        trial_epochs=options.trial_epochs or max(1.0, settings.epochs * _SHARES["library"]),
        headroom=options.headroom,
        budget_s=None if options.budget is None else parse_s(options.budget),
        evaluator="library",
        resolutions=subject.resolutions,
    )


def source_named(subject: RunSubject) -> str | None:
    """The digests of the networks to begin with."""
    match subject:
        case NetworkSubject():
            return digest(subject.architecture)
        case StartsSubject():
            return ", ".join(digest(start.architecture) for start in subject.starts)
        case SpaceSubject():
            return None


def weights_named(subject: RunSubject) -> str | None:
    """The names of the files of weights to begin with, with digests of their content."""
    match subject:
        case NetworkSubject():
            return None if subject.weights is None else _named(subject.weights)
        case StartsSubject():
            return ", ".join(_named(start.weights) for start in subject.starts)
        case SpaceSubject():
            return None


def _of_search(settings: Settings, options: SearchOptions, subject: SpaceSubject, epochs: float) -> Settings:
    usual: EvaluatorKind = "supernet" if settings.task == "classification" else "train"
    evaluator: EvaluatorKind = "own" if "evaluator" in settings.own else options.evaluator or usual
    sampler = _FRONT_SAMPLER if options.pareto else _SAMPLERS[evaluator]
    trials = (_FRONT_TRIALS if options.pareto else _TRIALS)[evaluator]
    trial_epochs = epochs * _SHARES[evaluator] / (_SANDWICH if options.sharing == "sandwich" else 1)
    return replace(
        settings,
        command="search",
        space=_spelt(subject.space),
        published=subject.space.published,
        trials=options.trials or trials,
        trial_epochs=options.trial_epochs or max(1.0, trial_epochs),
        headroom=options.headroom,
        objective=options.objective,
        evaluator=evaluator,
        sampler="own" if "sampler" in settings.own else options.sampler or sampler,
        batch=_BATCHES[evaluator],
        reward_exponent=options.reward_exponent,
        pareto=options.pareto,
        sharing=options.sharing,
        budget_s=None if options.budget is None else parse_s(options.budget),
        resolutions=subject.space.sides(settings.resolution),
    )


def check_starts_options(options: SearchOptions) -> None:
    """Raise NasError where what was asked for does not go with a search from pretrained weights."""
    if options.pareto:
        raise NasError("--pareto searches a space and --from begins with a network: give several --target-latency.")
    asked = [name for name in ("sampler", "evaluator", "sharing", "objective") if getattr(options, name) not in _OPEN]
    if asked:
        raise NasError(f"--{asked[0]} is of a search of a space; --from begins with a network. Leave one of them out.")


# Defaults of options that a search from pretrained weights has no use for.
_OPEN = (None, "single-path", "constraint")


def check_front(options: SearchOptions, plugins: Plugins) -> None:
    """Raise NasError where what was asked for does not go with a whole front."""
    if plugins.evaluate is not None:
        raise NasError("A front is of accuracies, and an evaluator of your own gives values: take pareto=False.")
    if options.evaluator == "zero-cost":
        raise NasError(
            "--pareto is a front of accuracies and --evaluator zero-cost knows none: take supernet or train."
        )
    if options.sampler == "predictor":
        raise NasError('--pareto has two objectives and --sampler predictor knows one: take "nsga2" or "motpe".')
    if options.objective == "reward":
        raise NasError("--pareto and --objective reward are two ways to trade accuracy for latency: take one of them.")
    if options.budget is not None:
        raise NasError("--budget plans a search to the end and --pareto trains none: give --trials and --trial-epochs.")


def processes(options: RunOptions) -> int:
    """How many processes train: as many as asked for; else one a core, up to four; one where there is a GPU."""
    if options.workers is not None:
        return options.workers
    if options.ray_address is not None or device().type == "cuda":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_PROCESSES, cores)


def learner_of(settings: Settings, train: TrainFunction | None = None) -> WorkerSettings:
    """How a run's networks are trained; `train` is a function of the caller's that does it."""
    recipe = choose_recipe(settings.recipe, settings.train_resolution, settings.augment, settings.task)
    return WorkerSettings(recipe, train=train)


S = TypeVar("S", bound=RunSubject)


def for_data(subject: S, data: Data, head: HeadName | None, say: Say) -> S:
    """The networks with the data's classes and the head of its task; weights must fit before anything else is done."""
    match subject:
        case NetworkSubject():
            arch = _fit("the network", subject.architecture, subject.weights, data, head, say)
            return replace(subject, architecture=arch)
        case StartsSubject():
            archs = [_fit(start.name, start.architecture, start.weights, data, head, say) for start in subject.starts]
            pairs = zip(subject.starts, archs, strict=True)
            return replace(subject, starts=tuple(replace(start, architecture=arch) for start, arch in pairs))
        case SpaceSubject():
            return replace(subject, space=fit_space(subject.space, data.task, head))
        case _:
            assert_never(subject)


def _fit(
    name: str, arch: Architecture, weights: Path | None, data: Data, head: HeadName | None, say: Say
) -> Architecture:
    arch = replace(fit_head(name, arch, data.task, head), classes=len(data.classes))
    loaded = load_weights(weights, arch) if weights else None
    if loaded and loaded.fresh:
        why = "are for other classes and" if data.task == "classification" else "are not in it as they are needed and"
        say(f"{weights}: {loaded.missing} {why} start at random.")
    return arch


def _spelt(space: SearchSpace) -> str:
    sides = f"at {told_sides(space.resolutions)} px " if space.resolutions else ""
    return f"{space.name} {sides}{short_digest(space)}"


def _named(weights: Path) -> str:
    return f"{weights.name} {short_digest(weights.read_bytes())}"


def run_name(options: RunOptions, targets_ms: tuple[float, ...], data: str) -> str:
    """The name of a run's folder if none is given; `data` is the name of the data set."""
    targets = "-".join(f"{ms:g}ms" for ms in targets_ms)
    if options.latency != "p50":
        targets += f"-{options.latency}"
    front = isinstance(options, SearchOptions) and options.pareto
    command = "front" if front else "search" if isinstance(options, SearchOptions) else "netadapt"
    return f"{command}-{targets}-{Path(data).stem}-{_slug(describe_setup(options))}-seed{options.seed}"


def _slug(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
