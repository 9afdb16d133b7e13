"""What a search leaves out where its budget is short: resolutions that cost too much, and weights that all share."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from msgspec.structs import replace

from nas.algorithms.pipeline.context import EvaluatorName, Settings
from nas.algorithms.pipeline.run_folder import prepare_run, read_settings
from nas.algorithms.planning.run_plan import Amounts
from nas.algorithms.planning.time_budget import guess_amounts, guess_rates
from nas.api.options.resolution import told_sides
from nas.api.options.structs import SearchOptions
from nas.api.options.subject import SpaceSubject
from nas.api.running.amounts import amounts_given, chosen_amounts, middle_target
from nas.api.running.plans import task_of
from nas.api.running.tables import seconds_to_table
from nas.bench.bench import Bench
from nas.design.size import Size
from nas.design.space import SearchSpace
from nas.interfaces import Say
from nas.nets.data.dataset import Data
from nas.ship.exporter import Exporter

# Of the usual amounts. On the ten classes of `scenes` shared weights have 11 % after a ninth of their mini-batches, so
# chance: a candidate that is trained alone, though briefly, says more.
_LEAST_SHARED = 0.5
# Of the usual epochs: at a resolution that allows fewer, networks learn less than they gain by it.
_LEAST_EPOCHS = 0.5


def within_budget(
    settings: Settings,
    options: SearchOptions,
    subject: SpaceSubject,
    data: Data,
    bench: Bench,
    folder: Path,
    say: Say,
) -> tuple[SearchOptions, SpaceSubject]:
    """The options with an evaluator, and the resolutions, that a budget is enough for; says what is left out.

    What was asked for stays. A run that was begun with the budget keeps what it began with.
    """
    if settings.budget_s is None or options.pareto:
        return options, subject
    prepare_run(folder)
    begun = None if options.fresh else read_settings(folder)
    if begun is not None and begun.budget_s == settings.budget_s:
        own = next((name for name in get_args(EvaluatorName) if name == begun.evaluator), None)
        return replace(options, evaluator=options.evaluator or own), subject
    subject = _affordable(settings, options, subject, data, bench, say)
    return _with_evaluator(settings, options, subject, data, bench, say), subject


def _affordable(
    settings: Settings, options: SearchOptions, subject: SpaceSubject, data: Data, bench: Bench, say: Say
) -> SpaceSubject:
    """The search at those of its chosen resolutions at which its networks can be trained within the budget.

    The lowest always stays.
    """
    sides = subject.space.sides(settings.resolution)
    if not subject.chosen or len(sides) == 1 or options.table:
        return subject
    times = _typical_times(subject.space, sides, len(data.classes), Exporter(data, bench, None, settings.latency))
    usual = chosen_amounts(settings, data)
    kept = [sides[0]]
    for side, ms in list(zip(sides, times, strict=True))[1:]:
        table_s = seconds_to_table(None, subject.space.at(*kept, side), bench, side, settings.budget_s)
        amounts = _guessed(settings, options, data, table_s, min(ms, middle_target(settings)))
        if amounts.epochs >= _LEAST_EPOCHS * usual.epochs and amounts.images == usual.images:
            kept.append(side)
    if len(kept) < len(sides):
        say(f"The budget is too short for larger images: the resolution is {told_sides(tuple(kept))} px.")
    space = subject.space.at(*kept) if len(kept) > 1 else subject.space.at()
    return replace(subject, space=space, resolution=kept[-1])


def _with_evaluator(
    settings: Settings, options: SearchOptions, subject: SpaceSubject, data: Data, bench: Bench, say: Say
) -> SearchOptions:
    """The options with an evaluator that the budget is enough for, if none was asked for."""
    if options.evaluator or settings.evaluator == "own":
        return options
    usual = chosen_amounts(settings, data)
    table_s = seconds_to_table(
        options.table, subject.space, bench, subject.resolution or settings.resolution, settings.budget_s
    )
    amounts = _guessed(settings, options, data, table_s, middle_target(settings))
    if amounts.trial_epochs * amounts.images >= _LEAST_SHARED * usual.trial_epochs * usual.images:
        return replace(options, evaluator="supernet")
    say("The budget is too short for weights that all candidates share: each candidate is trained alone, briefly.")
    return replace(options, evaluator="train")


def _typical_times(space: SearchSpace, sides: Sequence[Size], classes: int, ships: Exporter) -> list[float]:
    """Measured milliseconds half-way, by ratio, between the smallest and the largest network at each resolution."""
    ends = [end(side, classes) for side in sides for end in (space.at().smallest, space.at().largest)]
    times = [found.measured_ms for found in ships.measure(ends)]
    return [math.sqrt(least * most) for least, most in zip(times[::2], times[1::2], strict=True)]


def _guessed(settings: Settings, options: SearchOptions, data: Data, table_s: float, typical_ms: float) -> Amounts:
    """What the budget allows, guessed from the latency of the networks that are trained."""
    task = task_of(settings, options, data)
    rates = guess_rates(typical_ms, task.batch, len(data.val), table_s)
    return guess_amounts(chosen_amounts(settings, data), amounts_given(options), task, rates, settings.budget_s)
