"""The first useful answer of a search: what its space and the published networks take here, before anything long."""

from pathlib import Path

from msgspec.structs import replace

from nas.algorithms.pipeline.context import Settings
from nas.algorithms.pipeline.run_folder import prepare_run, read_settings
from nas.design.known import known
from nas.design.size import describe_size
from nas.design.space import SearchSpace
from nas.interfaces import Deployer, Say
from nas.units import told_ms


def tell_reach(settings: Settings, space: SearchSpace, classes: int, ships: Deployer, folder: Path, say: Say) -> None:
    """Say what the smallest and the largest network of a space take, and the published ones, timed with random weights.

    A run that was begun has said it.
    """
    prepare_run(folder)
    if read_settings(folder) is not None:
        return
    size = settings.resolution
    whole = space.at()
    ends = [whole.smallest(size, classes), whole.largest(size, classes)]
    published = {name: replace(known(name, classes), resolution=size) for name in space.published_names}
    smallest, largest, *others = ships.measure([*ends, *published.values()])
    named = ", ".join(f"{name} {told_ms(found.settled_ms)}" for name, found in zip(published, others, strict=True))
    say(
        f"Here and at {describe_size(size)} px networks of {space.name} take {told_ms(smallest.settled_ms)} to "
        f"{told_ms(largest.settled_ms)} ms{f'; in ms, {named}' if named else ''} (timed now, with random weights)."
    )
