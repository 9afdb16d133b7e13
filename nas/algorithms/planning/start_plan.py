"""The plan of a search from pretrained weights: what its stages cost, counted in passes of the start network."""

import math
from collections.abc import Collection, Sequence

from msgspec import Struct
from msgspec.structs import replace

from nas.algorithms.finish.final_training import GENTLE_SHARE
from nas.algorithms.pipeline.from_pretrained import TASTE
from nas.algorithms.pipeline.pipeline import SEED_SHARE
from nas.algorithms.planning.fit import fit_budget
from nas.algorithms.planning.run_plan import MEASURING, RESERVE, TABLE, Amounts, PlannedStage, RunPlan
from nas.algorithms.planning.time_budget import LEVELS, least_images
from nas.design.alternatives import Alternative, alternatives, assembled
from nas.design.architecture import Architecture
from nas.design.cost import macs
from nas.design.graph import lower

_BACKWARD = 2  # forward passes that a backward pass takes as long as
_RESERVE = 0.15
_LOOKS = 30  # at all proposals, that NetAdapt takes from the start to a target
_SEEN = 0.5  # of a network, that a look at one change in it computes
_MATCHES = 6  # timings by which baselines are matched
_LEAST_EPOCHS, _LEAST_PIECE_EPOCHS, _LEAST_TRIALS = 2.0, 0.2, 6
_THIN = 0.15  # the level below which training images are left out


class StartTask(Struct, frozen=True):
    """What amounts do not change: how many passes of the start the block library takes, and how large targets are.

    `trained` are forward passes for each training image and epoch of all pieces, `looked` those for each image of a
    look at all pieces. `share` is the latency of a target as a share of the start's, `starts` are compared, `sides` are
    the resolutions. `batch` is the images of a mini-batch, `looks` those of a look.
    """

    trained: float
    looked: float
    share: float
    starts: int
    sides: int
    targets: int
    workers: int
    batch: int
    looks: int
    classes: int
    baselines: bool = True


class StartRates(Struct, frozen=True):
    """Seconds here: a mini-batch of training the start, timing a network, exporting and testing one, the table."""

    spent_s: float
    table_s: float
    step_s: float
    clock_s: float
    test_s: float


def plan_start(
    usual: Amounts, given: Collection[str], task: StartTask, rates: StartRates, budget_s: float | None
) -> RunPlan:
    """The most that is predicted to fit into the budget; without one the usual amounts.

    Networks are as large as the target allows: a start that came with weights is not worth less for being large.
    """
    if budget_s is None:
        return RunPlan(usual, predict_start(usual, task, rates))
    attempts = (scale_start(usual, given, task.classes, level) for level in LEVELS)
    return fit_budget(attempts, lambda amounts: predict_start(amounts, task, rates), given, budget_s)


def scale_start(usual: Amounts, given: Collection[str], classes: int, level: float) -> Amounts:
    """The usual amounts times a level: every training gets shorter before an image is left out.

    What a piece of the library is trained for is short anyway and can be shorter still, while images that are not seen
    are missed by every training.
    """
    found = replace(
        usual,
        images=min(usual.images, max(least_images(usual, classes), int(usual.images * level / _THIN))),
        epochs=round(_between(_LEAST_EPOCHS, usual.epochs, level), 1),
        trial_epochs=round(_between(_LEAST_PIECE_EPOCHS, usual.trial_epochs, level), 1),
        trials=int(_between(_LEAST_TRIALS, usual.trials, level)),
    )
    return replace(found, **{name: getattr(usual, name) for name in given})


def _between(least: float, usual: float, level: float) -> float:
    """An amount that falls from the usual one at level 1 to the least at the level below which images are left out."""
    if level >= 1:
        return usual * level
    return min(least, usual) + max(0.0, usual - least) * max(0.0, level - _THIN) / (1 - _THIN)


def library_passes(arch: Architecture, keep: Sequence[str]) -> tuple[float, float]:
    """Forward passes of a network that the library takes: for an image of its training, and of its looks."""
    whole = macs(lower(arch))
    trained, looked = 0.0, 0.0
    for group in alternatives(arch, keep):
        before = _macs_before(arch, group[0])
        changed = [macs(lower(assembled(arch, [one]))) for one in group]
        own = _macs_of(arch, group[0])
        trained += before + own + (1 + _BACKWARD) * sum(max(0, own - (whole - one)) for one in changed)
        looked += whole + sum(one - before for one in changed)
    return trained / whole, looked / whole


def _macs_before(arch: Architecture, one: Alternative) -> int:
    graph = lower(arch)
    first = next(n for n, node in enumerate(graph.nodes) if node.name.startswith(f"{one.place}_"))
    return macs(replace(graph, nodes=graph.nodes[:first]))


def _macs_of(arch: Architecture, one: Alternative) -> int:
    graph = lower(arch)
    return macs(replace(graph, nodes=tuple(node for node in graph.nodes if node.name.startswith(f"{one.place}_"))))


def predict_start(amounts: Amounts, task: StartTask, rates: StartRates) -> tuple[PlannedStage, ...]:
    """The seconds of every stage."""
    batches = max(1, amounts.images // task.batch)
    epoch_s = batches * rates.step_s
    pass_s = rates.step_s / task.batch / (1 + _BACKWARD)
    # A found network is trained beside a pass of its teacher.
    taught_s = epoch_s * (task.share + 1 / (1 + _BACKWARD))
    side_by_side = max(1, task.workers)

    def beside(count: int, seconds: float) -> float:
        return math.ceil(count / side_by_side) * seconds

    library_s = task.trained * amounts.trial_epochs * amounts.images * pass_s + task.looked * task.looks * pass_s
    assembled_s = (amounts.trials + task.sides) * task.looks * pass_s * task.share
    descent_s = _LOOKS * task.looked * _SEEN * task.looks * pass_s * task.share
    ways_s = beside(task.sides + 1, TASTE * amounts.epochs * taught_s)
    ended_s = GENTLE_SHARE * amounts.epochs * taught_s + rates.test_s + rates.clock_s
    tasted_s = beside(task.starts, TASTE * amounts.epochs * epoch_s) if task.starts > 1 else 0.0
    each = (
        PlannedStage("block search", (assembled_s + descent_s) / side_by_side + ways_s),
        PlannedStage("final networks", ended_s),
        PlannedStage("baselines", (2 * ended_s + _MATCHES * 2 * rates.clock_s) * task.baselines),
    )
    ahead_of_all = (
        PlannedStage(TABLE, rates.table_s),
        PlannedStage("start", tasted_s + SEED_SHARE * amounts.epochs * epoch_s),
        PlannedStage("block library", library_s / side_by_side),
        *(PlannedStage(stage.name, task.targets * stage.seconds) for stage in each),
    )
    reserve = PlannedStage(RESERVE, _RESERVE * sum(stage.seconds for stage in ahead_of_all))
    return PlannedStage(MEASURING, rates.spent_s), *ahead_of_all, reserve
