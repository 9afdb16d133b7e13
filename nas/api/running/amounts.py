"""The amounts of a plan, in settings and in options."""

from msgspec.structs import replace

from nas.algorithms.pipeline.context import Settings
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


def merged_amounts(usual: Amounts, kept: Amounts, given: set[str]) -> Amounts:
    """The amounts that a run began with, but for those that are asked for now."""
    return replace(kept, **{name: getattr(usual, name) for name in given})


def with_amounts(settings: Settings, amounts: Amounts, data: Data, seed: int) -> tuple[Settings, Data]:
    """The settings with the amounts, and the data with as many training images."""
    fewer = limited(data, amounts.images, seed)
    images = None if fewer is data else amounts.images
    chosen = {name: getattr(amounts, name) for name in _CHOSEN}
    return replace(settings, **chosen, images=images, data=f"{fewer.name} {fewer.digest}"), fewer
