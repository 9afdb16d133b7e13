"""How candidates are scored where a budget is short: each trained alone, instead of by weights that all share."""

from pathlib import Path
from typing import get_args

from msgspec.structs import replace

from nas.algorithms.pipeline.context import EvaluatorName, Settings
from nas.algorithms.pipeline.run_folder import prepare_run, read_settings
from nas.api.options.structs import SearchOptions
from nas.api.running.amounts import chosen_amounts
from nas.api.running.plans import guessed_amounts
from nas.api.running.tables import seconds_to_table
from nas.bench.bench import Bench
from nas.design.space import SearchSpace
from nas.errors import NasError
from nas.interfaces import Say
from nas.nets.data.dataset import Data

# Of the usual amounts. On the ten classes of `scenes` shared weights have 11 % after a ninth of their mini-batches, so
# chance: a candidate that is trained alone, though briefly, says more.
_LEAST_SHARED = 0.5


def with_evaluator(
    settings: Settings, options: SearchOptions, space: SearchSpace, data: Data, bench: Bench, folder: Path, say: Say
) -> SearchOptions:
    """The options with an evaluator that the budget is enough for, if none was asked for; says which that is.

    A run that was begun with the budget keeps its own.
    """
    if settings.task != "classification":
        return _without_sharing(options)
    if options.evaluator or options.pareto or settings.evaluator == "own" or settings.budget_s is None:
        return options
    prepare_run(folder)
    begun = None if options.fresh else read_settings(folder)
    if begun is not None and begun.budget_s == settings.budget_s:
        named = (name for name in get_args(EvaluatorName) if name == begun.evaluator)
        return replace(options, evaluator=next(named, None))
    usual = chosen_amounts(settings, data)
    table_s = seconds_to_table(options.table, space, bench, settings.resolution, settings.budget_s)
    amounts = guessed_amounts(settings, options, data, table_s)
    if amounts.trial_epochs * amounts.images >= _LEAST_SHARED * usual.trial_epochs * usual.images:
        return replace(options, evaluator="supernet")
    say("The budget is too short for weights that all candidates share: each candidate is trained alone, briefly.")
    return replace(options, evaluator="train")


def _without_sharing(options: SearchOptions) -> SearchOptions:
    """The options with candidates that are trained alone; raises NasError where shared weights were asked for."""
    if options.evaluator == "supernet":
        raise NasError(
            "--evaluator supernet shares weights of classifiers only. Leave it out: each candidate is trained."
        )
    return replace(options, evaluator=options.evaluator or "train")
