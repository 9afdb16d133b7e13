"""The plan of a search: measured, printed before anything long starts, kept with the run."""

import tempfile
import time
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from nas.algorithms.budgets import budgets_of
from nas.algorithms.pipeline.context import EvaluatorKind, Settings
from nas.algorithms.pipeline.pipeline import SEED_SHARE
from nas.algorithms.planning.run_plan import PLAN_FILE, RESERVE, Amounts, PlannedStage, RunPlan, with_peaks
from nas.algorithms.planning.throughput import PlannedSearch, measure_throughput
from nas.algorithms.planning.time_budget import LookShares, Rates, SearchWork, guess_amounts, guess_rates, plan
from nas.algorithms.workers.pool import open_pool
from nas.api.options.choices import learner_of, processes
from nas.api.options.structs import SearchOptions
from nas.api.running.amounts import amounts_given, begun_amounts, chosen_amounts, middle_target, with_amounts
from nas.api.running.tables import memory_to_table, seconds_to_table
from nas.bench.bench import Bench
from nas.design.files import write_json
from nas.design.size import shorter_side
from nas.design.space import SearchSpace
from nas.interfaces import Say
from nas.nets.data.dataset import Data
from nas.nets.training.recipe import Recipe
from nas.nets.worker import open_worker
from nas.resources import MemoryMeter
from nas.ship.exporter import Exporter
from nas.units import told_s

_LOOKED = 128  # validation images of a look that is measured: of 1,000 it took more time than all trainings together
_WORTH_HALVING = 96  # pixels; of a training at 64 px half the steps at 32 px save 4 % of the time


def planned(
    settings: Settings,
    options: SearchOptions,
    space: SearchSpace,
    data: Data,
    bench: Bench,
    folder: Path,
    meter: MemoryMeter,
    say: Say,
) -> tuple[Settings, Data, RunPlan | None]:
    """The settings with the amounts that fit the budget, the data with its images, and the plan, which is printed.

    A run that was begun keeps the amounts it began with, and nothing is measured: it has its plan. A front has none.
    """
    given = amounts_given(options)
    usual = chosen_amounts(settings, data)
    if options.pareto:
        return *with_amounts(settings, usual, data, options.seed), None
    begun = begun_amounts(usual, given, settings, data, folder, options.fresh)
    if begun is not None:
        return *with_amounts(settings, begun, data, options.seed), None
    say("Measuring how fast this machine trains, for a plan.")
    work = work_of(settings, options, data)
    table_s = seconds_to_table(options.table, space, bench, settings.resolution, settings.budget_s)
    aim = guessed_amounts(settings, options, data, table_s).aim
    meter.take_peak_mb()
    rates = _measured(replace(settings, aim=aim), options, space, data, bench, table_s, say)
    made = plan(usual, given, work, rates, settings.budget_s)
    made = with_peaks(made, meter.take_peak_mb(), _table_mb(settings, options, space, bench, meter))
    say(describe_plan(made, settings.evaluator))
    return *with_amounts(settings, made.amounts, data, options.seed), made


def guessed_amounts(settings: Settings, options: SearchOptions, data: Data, table_s: float) -> Amounts:
    """What a budget will allow, guessed from the target alone, before anything is measured."""
    work = work_of(settings, options, data)
    rates = guess_rates(middle_target(settings), work.batch, len(data.val), table_s)
    return guess_amounts(chosen_amounts(settings, data), amounts_given(options), work, rates, settings.budget_s)


def work_of(settings: Settings, options: SearchOptions, data: Data) -> SearchWork:
    """What the budget of a search does not change."""
    return SearchWork(
        evaluator=settings.evaluator,
        workers=processes(options),
        targets=max(1, len(settings.targets_ms)),
        classes=len(data.classes),
        batch=learner_of(settings).recipe.batch,
        headroom=settings.headroom,
        mode=settings.mode,
        ending=settings.ending,
        baselines=settings.baselines,
        small=_small(settings),
    )


def _table_mb(
    settings: Settings, options: SearchOptions, space: SearchSpace, bench: Bench, meter: MemoryMeter
) -> int | None:
    """What the table's stage will hold on this machine; a board's networks are in its own memory."""
    held_mb = meter.take_peak_mb()
    if held_mb is None or options.device is not None:
        return held_mb
    return held_mb + memory_to_table(options.table, space, bench, settings.resolution)


def keep_plan(folder: Path, made: RunPlan | None) -> None:
    """Write a new plan to the run's folder."""
    if made is not None:
        write_json(folder / PLAN_FILE, made)


def _small(settings: Settings) -> int | None:
    """Half the shorter side of the largest resolution: of images in the first half of a training that has to be short.

    None where it was asked for, and where images are so small already that smaller ones cost as much.
    """
    largest = max(map(shorter_side, settings.resolutions or (settings.resolution,)))
    return largest // 2 if settings.train_resolution is None and largest >= _WORTH_HALVING else None


def _measured(
    settings: Settings, options: SearchOptions, space: SearchSpace, data: Data, bench: Bench, table_s: float, say: Say
) -> Rates:
    subject = PlannedSearch(
        space=space,
        resolution=settings.resolution,
        classes=len(data.classes),
        target_ms=middle_target(settings) * settings.aim,
        evaluator=settings.evaluator,
        workers=processes(options),
        batches=max(1, len(data.train) // learner_of(settings).recipe.batch),
        tested=len(data.val) + len(data.test),
        table_s=table_s,
        seed=options.seed,
        sharing=settings.sharing,
        importance=settings.importance,
        budgets=budgets_of(settings.limits),
    )
    worker = partial(open_worker, learner_of(settings))
    few = replace(data, val=data.val.thinned(_LOOKED))
    with tempfile.TemporaryDirectory(prefix="nas-plan-") as name:
        folder = Path(name)
        with open_pool(processes(options), worker, few, folder, say, options.ray_address) as pool:
            rates = measure_throughput(
                subject, pool, Exporter(data, bench, None, settings.latency), folder, time.monotonic
            )
    shares = _shares(learner_of(settings).recipe, len(few.val), len(data.val))
    return replace(rates.of_all_images(shares), aim=settings.aim)


def _shares(recipe: Recipe, few: int, all_images: int) -> LookShares:
    """What a look at `few` validation images is of one at all; norms are estimated by as many training images."""

    def share(norms: int, most: int) -> float:
        return (norms + min(few, most)) / (norms + min(all_images, most))

    return LookShares(
        trained=share(recipe.norm_images, all_images),
        adapted=share(recipe.adapt_norm_images, all_images),
        screened=share(recipe.adapt_norm_images, recipe.look_images),
    )


def describe_plan(made: RunPlan, evaluator: EvaluatorKind) -> str:
    """A plan as a table: the stages with their predicted times, and what they will do."""
    amounts = made.amounts
    tuned = f", {amounts.steps} mini-batches a proposal" if amounts.steps else ""
    small = "" if amounts.train_resolution is None else f", the first half at {amounts.train_resolution} px"
    aim = "" if amounts.aim == 1 else f", networks of {amounts.aim:.0%} of the target"
    notes = {
        "block search": f"{amounts.trials} trials",
        "NetAdapt": f"steps of {amounts.delta:.1%} or more{tuned}",
        "final networks": f"{amounts.epochs:g} epochs of {amounts.images} images{small}",
        RESERVE: "for what cannot be foreseen",
    }
    if evaluator == "own":
        notes["block search"] += ", the time of your evaluator not counted"
    if evaluator == "train":
        notes["block search"] += f" of {amounts.trial_epochs:g} epochs"
    notes["block search"] += aim
    if evaluator == "supernet":
        notes["shared weights"] = f"{amounts.trial_epochs:g} epochs"
    if evaluator == "library":
        notes["start"] = f"{SEED_SHARE * amounts.epochs:g} epochs"
        notes["block library"] = f"{amounts.trial_epochs:g} epochs of every alternative"
        notes["block search"] = f"{amounts.trials} networks put together, NetAdapt, and brief training of the best"
    lines = [_line(stage, notes.get(stage.name, "")) for stage in made.stages if stage.seconds > 0]
    budget = "" if made.budget_s is None else f", for a budget of {told_s(made.budget_s)}"
    total = _line(PlannedStage("in all, about", made.seconds, made.peak_mb), "")
    return "\n".join([f"The plan{budget}, with the most memory of all processes:", *lines, total])


def _line(stage: PlannedStage, note: str) -> str:
    return f"  {stage.name:<16}{told_s(stage.seconds):>9}{_told_mb(stage.peak_mb):>9}  {note}".rstrip()


def _told_mb(megabytes: int | None) -> str:
    return "" if megabytes is None else f"{megabytes / 1024:.1f} GB"


def told_plan(folder: Path, seconds: float) -> str | None:
    """The time that a finished run took beside the one that was planned; None where there is no plan."""
    path = folder / PLAN_FILE
    if not path.exists():
        return None
    try:
        made = msgspec.json.decode(path.read_bytes(), type=RunPlan)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError):
        return None
    spent = seconds + made.measuring_s
    budget = "" if made.budget_s is None else f" of a budget of {told_s(made.budget_s)}"
    return f"It took {told_s(spent)}; planned were {told_s(made.seconds)}{budget}."
