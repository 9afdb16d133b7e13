"""The plan of a search from pretrained weights: measured on the start, printed, kept with the run."""

import tempfile
import time
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from nas.algorithms.pipeline.context import Settings
from nas.algorithms.pipeline.from_pretrained import library_side
from nas.algorithms.planning.run_plan import RunPlan, with_peaks
from nas.algorithms.planning.start_plan import StartRates, StartTask, library_passes, plan_start
from nas.algorithms.workers.pool import open_pool
from nas.api.options.choices import learner_of, processes
from nas.api.options.structs import SearchOptions
from nas.api.options.subject import StartsSubject
from nas.api.running.amounts import amounts_given, begun_amounts, chosen_amounts, middle_target, with_amounts
from nas.api.running.plans import describe_plan
from nas.bench.bench import Bench
from nas.design.architecture import Architecture
from nas.interfaces import Say
from nas.jobs import Train
from nas.nets.data.dataset import Data
from nas.nets.worker import open_worker
from nas.resources import MemoryMeter
from nas.ship.exporter import Exporter

_STEPS = 6  # mini-batches of a measurement
_EXPORT_S = 4.0
_TABLE_S = 30.0  # to recognise a device and to measure what a table lacks


def planned_start(
    settings: Settings,
    options: SearchOptions,
    subject: StartsSubject,
    data: Data,
    bench: Bench,
    folder: Path,
    meter: MemoryMeter,
    say: Say,
) -> tuple[Settings, Data, RunPlan | None]:
    """The settings with the amounts that fit the budget, the data with its images, and the plan, which is printed.

    A run that was begun keeps the amounts it began with.
    """
    given, usual = amounts_given(options), chosen_amounts(settings, data)
    begun = begun_amounts(usual, given, settings, data, folder, options.fresh)
    if begun is not None:
        return *with_amounts(settings, begun, data, options.seed), None
    say("Measuring how fast this machine trains, for a plan.")
    meter.take_peak_mb()
    task, rates = _measured(settings, options, subject, data, bench, say)
    made = with_peaks(plan_start(usual, given, task, rates, settings.budget_s), meter.take_peak_mb(), None)
    say(describe_plan(made, settings.evaluator))
    return *with_amounts(settings, made.amounts, data, options.seed), made


def _measured(
    settings: Settings, options: SearchOptions, subject: StartsSubject, data: Data, bench: Bench, say: Say
) -> tuple[StartTask, StartRates]:
    """What the run's work is, and how fast this machine does it."""
    began, start = time.monotonic(), subject.starts[0]
    arch = replace(start.architecture, resolution=library_side(subject.resolutions))
    before = time.monotonic()
    [timed] = Exporter(data, bench, None, settings.latency).measure([arch])
    clock_s = time.monotonic() - before
    step_s = _step_s(settings, options, arch, start.weights, data, say)
    task = _task(settings, arch, timed.settled_ms, data, processes(options), len(subject.starts))
    rates = StartRates(
        spent_s=time.monotonic() - began,
        table_s=_TABLE_S,
        step_s=step_s,
        clock_s=clock_s,
        test_s=_EXPORT_S + (len(data.val) + len(data.test)) * timed.measured_ms / 1000,
    )
    return task, rates


def _step_s(
    settings: Settings, options: SearchOptions, arch: Architecture, weights: Path, data: Data, say: Say
) -> float:
    """Seconds of a mini-batch of training the start, on every worker at once; the first time does not count."""
    learner, workers = learner_of(settings), processes(options)
    recipe = learner.recipe
    epochs = _STEPS / max(1, len(data.train) // recipe.batch)
    with tempfile.TemporaryDirectory(prefix="nas-plan-") as name:
        folder = Path(name)
        jobs = [Train(arch, 0, epochs, epochs, 0, folder / f"{n}.safetensors", weights) for n in range(workers)]
        with open_pool(workers, partial(open_worker, learner), data, folder, say, options.ray_address) as pool:
            list(pool(jobs))
            seconds = max(outcome.seconds for outcome in pool(jobs))
    looked = (len(data.val) + recipe.norm_images) / (3 * recipe.batch)  # the look at its end, in mini-batches
    return seconds / (_STEPS + looked)


def _task(settings: Settings, arch: Architecture, whole_ms: float, data: Data, workers: int, starts: int) -> StartTask:
    recipe = learner_of(settings).recipe
    trained, looked = library_passes(arch, settings.keep)
    return StartTask(
        trained=trained,
        looked=looked,
        share=min(1.0, middle_target(settings) / whole_ms),
        starts=starts,
        sides=len(settings.resolutions),
        targets=max(1, len(settings.targets_ms)),
        workers=workers,
        batch=recipe.batch,
        looks=min(recipe.look_images, len(data.val)) + recipe.adapt_norm_images,
        classes=len(data.classes),
        baselines=settings.baselines,
    )
