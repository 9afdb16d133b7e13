"""The amounts of a plan, in settings and in options."""

from pathlib import Path

from msgspec.structs import replace

from nas.algorithms.pipeline.context import Settings
from nas.algorithms.pipeline.run_folder import prepare_run, read_settings
from nas.algorithms.planning.run_plan import Amounts
from nas.api.options.structs import SearchOptions
from nas.nets.data.dataset import Data
from nas.nets.data.limit import limited

_CHOSEN = ("epochs", "trial_epochs", "trials", "delta", "steps", "aim", "train_resolution")  # and the images


def amounts_given(options: SearchOptions) -> set[str]:
    """The amounts that were asked for."""
    amounts = ("images", "epochs", "trial_epochs", "trials", "delta", "steps", "train_resolution")
    return {name for name in amounts if getattr(options, name) is not None}


def chosen_amounts(settings: Settings, data: Data) -> Amounts:
    """The amounts of some settings."""
    chosen = {name: getattr(settings, name) for name in _CHOSEN}
    return Amounts(images=min(settings.images or len(data.train), len(data.train)), **chosen)


def begun_amounts(
    usual: Amounts, given: set[str], settings: Settings, data: Data, folder: Path, fresh: bool
) -> Amounts | None:
    """The amounts that the run in a folder began with, but for those `given` now; None if none was begun.

    For another budget they are the usual ones.
    """
    prepare_run(folder)
    begun = None if fresh else read_settings(folder)
    if begun is None:
        return None
    if begun.budget_s != settings.budget_s:
        return usual
    return replace(chosen_amounts(begun, data), **{name: getattr(usual, name) for name in given})


def middle_target(settings: Settings) -> float:
    """The target in the middle, in milliseconds."""
    targets = settings.targets_ms or (settings.target_ms,)
    return targets[len(targets) // 2]


def with_amounts(settings: Settings, amounts: Amounts, data: Data, seed: int) -> tuple[Settings, Data]:
    """The settings with the amounts, and the data with as many training images."""
    fewer = limited(data, amounts.images, seed)
    images = None if fewer is data else amounts.images
    chosen = {name: getattr(amounts, name) for name in _CHOSEN}
    return replace(settings, **chosen, images=images, data=f"{fewer.name} {fewer.digest}"), fewer
