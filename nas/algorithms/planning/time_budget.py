"""The plan of a search: how long its stages will take, and how much of everything a budget of time allows."""

import math
from collections.abc import Collection, Sequence

from msgspec import Struct
from msgspec.structs import asdict, replace

from nas.algorithms.block_search.block_search import FINALISTS
from nas.algorithms.finish.final_training import GENTLE_SHARE
from nas.algorithms.pipeline.context import EndingName, EvaluatorKind, Mode
from nas.algorithms.pipeline.pipeline import SEED_SHARE
from nas.algorithms.planning.fit import fit_budget
from nas.algorithms.planning.run_plan import MEASURING, RESERVE, TABLE, Amounts, PlannedStage, RunPlan
from nas.errors import NasError

# From four times the usual amounts down to almost nothing, in steps of 3 %.
LEVELS = tuple(4 * 0.97**step for step in range(220))
# What is reduced, and down to which level: all amounts, then the latency of the networks, then the amounts again; below
# that training images are left out.
_HALF, _SMALL, _THIN = 0.5, 0.1, 0.05
_FIXED = 0.1  # of the time that a network trains or is looked at, what does not follow its latency
_LEAST_EPOCHS, _LEAST_IMAGES, _LEAST_IMAGES_A_CLASS = 1.0, 320, 10
_LEAST_TRIALS: dict[EvaluatorKind, int] = {"train": 4, "supernet": 24, "zero-cost": 24, "own": 24}
_COARSEST = 0.05  # share of the latency that a NetAdapt step saves at least
# Half of the steps at half the size cost this share of all at full size. From scratch that is worth more than so many
# fewer epochs: V3-Small on photos at 128 px has 51.7 % instead of 47 (`experiments/resolution`). So below so much of
# the usual amounts images shrink before epochs do.
_HALF_SMALL, _ENOUGH = 0.66, 0.8
_STEPS = ("step_s", "twin_step_s", "share_step_s")  # the rates of training
_RESERVE = 0.1  # of all that is not measured yet: steps that NetAdapt takes because the clock wants them, a busy moment
_AHEAD = 0.06  # by how much the networks searched are slower than the target, as a share, until a table tells
_AGAIN = 0.5  # of its proposals that a step of cheap NetAdapt looks at, but for the first, which looks at all
_MATCHES = 4  # of at most five timings by which a baseline is matched
_PROPOSER_S = 0.05
_MEASURING_S, _PROPOSALS = 60.0, 18  # of a guess


class LookShares(Struct, frozen=True):
    """The part of the images of a look that it was measured with: after a training, of a proposal, of all of a step."""

    trained: float
    adapted: float
    screened: float


class Rates(Struct, frozen=True):
    """Seconds on this machine, for a network about as fast as those searched for.

    A mini-batch of training (`step_s`; of a baseline `twin_step_s`) or of shared weights (`share_step_s`), a look at
    the validation split with weights of its own (`look_s`) or shared ones (`judge_s`), what a NetAdapt proposal takes
    beside its mini-batches (`adapt_s`), a look at all proposals of a step untrained (`screen_s`), timing a whole
    network, export with the scores of the file. A mini-batch is the average of a progressive training. `spent_s` is
    what it took to find these, `proposals` are a NetAdapt step's, and `aim` is the share of the target that the
    network takes.
    """

    spent_s: float
    table_s: float
    step_s: float
    twin_step_s: float
    look_s: float
    share_step_s: float
    judge_s: float
    adapt_s: float
    screen_s: float
    clock_s: float
    test_s: float
    proposals: int
    aim: float = 1.0

    def at(self, aim: float) -> "Rates":
        """About what they are for networks that take another share of the target."""
        factor = (_FIXED + aim) / (_FIXED + self.aim)
        names = (*_STEPS, "look_s", "judge_s", "adapt_s", "screen_s")
        return replace(self._times(factor, names), aim=aim)

    def of_all_images(self, shares: "LookShares") -> "Rates":
        """The same where each look was at a part of the images that it will be at."""
        return replace(
            self,
            look_s=self.look_s / shares.trained,
            judge_s=self.judge_s / shares.trained,
            adapt_s=self.adapt_s / shares.adapted,
            screen_s=self.screen_s / shares.screened,
        )

    def half_small(self) -> "Rates":
        """About what they are if the first half of every training sees images of half the size."""
        return self._times(_HALF_SMALL, _STEPS)

    def _times(self, factor: float, names: Sequence[str]) -> "Rates":
        return replace(self, **{name: factor * getattr(self, name) for name in names})


def guess_rates(target_ms: float, batch: int, validation: int, table_s: float) -> Rates:
    """Roughly what rates will be for networks of the target, from its latency alone: enough to choose what to measure.

    A training step takes about four forward passes an image, and torch about half as long again as a runtime.
    """
    pass_s = target_ms / 1000
    step_s, look_s = 4 * batch * pass_s, 1.5 * validation * pass_s
    return Rates(
        spent_s=_MEASURING_S,
        table_s=table_s,
        step_s=step_s,
        twin_step_s=step_s,
        look_s=look_s,
        share_step_s=step_s,
        judge_s=look_s,
        adapt_s=look_s,
        screen_s=_PROPOSALS * look_s / 2,
        clock_s=2.0,
        test_s=2 * look_s,
        proposals=_PROPOSALS,
    )


class SearchWork(Struct, frozen=True):
    """What a budget does not change; `batch` is the images of a mini-batch.

    `small` are the pixels of the images that the first half of a training may see instead of larger ones.
    """

    evaluator: EvaluatorKind
    workers: int
    targets: int
    classes: int
    batch: int
    headroom: float | None = None
    mode: Mode = "reference"
    ending: EndingName = "both"
    baselines: bool = True
    small: int | None = None


def plan(usual: Amounts, given: Collection[str], work: SearchWork, rates: Rates, budget_s: float | None) -> RunPlan:
    """The most that is predicted to fit into the budget; without one the usual amounts.

    The amounts named in `given` stay as they are. Raises NasError where the least is more than the budget.
    """
    if budget_s is None:
        return RunPlan(usual, predict(usual, work, rates))
    attempts = (
        scale_amounts(replace(usual, train_resolution=small), given, work, level)
        for level, small in _attempts(usual, work)
    )
    return fit_budget(attempts, lambda amounts: predict(amounts, work, rates), given, budget_s)


def _attempts(usual: Amounts, work: SearchWork) -> list[tuple[float, int | None]]:
    """Levels, falling, and the pixels of the first half of every training: small where the budget is."""
    if work.small is None:
        return [(level, usual.train_resolution) for level in LEVELS]
    whole = [(level, None) for level in LEVELS if level >= _ENOUGH]
    return [*whole, *((level, work.small) for level in LEVELS if level <= _ENOUGH / _HALF_SMALL)]


def guess_amounts(
    usual: Amounts, given: Collection[str], work: SearchWork, rates: Rates, budget_s: float | None
) -> Amounts:
    """What a budget will allow, by guessed rates; the least if even that seems too much."""
    try:
        return plan(usual, given, work, rates, budget_s).amounts
    except NasError:
        return scale_amounts(usual, given, work, LEVELS[-1])


def scale_amounts(usual: Amounts, given: Collection[str], work: SearchWork, level: float) -> Amounts:
    """The usual amounts times a level, each within its limits; never less of anything at a higher level."""
    amount = level if level > _HALF else min(_HALF, max(level, _THIN) * _HALF / _SMALL)
    epochs = max(min(_LEAST_EPOCHS, usual.epochs), _tenths(usual.epochs * amount))
    trial_epochs = max(min(_LEAST_EPOCHS, usual.trial_epochs), _tenths(usual.trial_epochs * amount))
    least_trials = min(usual.trials, _LEAST_TRIALS[work.evaluator])
    fewest = least_images(usual, work.classes)
    found = Amounts(
        aim=usual.aim * min(1.0, max(level, _SMALL) / _HALF),
        images=min(usual.images, max(fewest, int(usual.images * level / _THIN))),
        epochs=epochs,
        trial_epochs=trial_epochs,
        trials=max(least_trials, int(usual.trials * amount)),
        delta=max(usual.delta, min(_COARSEST, usual.delta / min(1.0, amount))),
        steps=max(min(1, usual.steps), int(usual.steps * min(1.0, amount))),
        train_resolution=usual.train_resolution,
    )
    return replace(found, **{name: value for name, value in asdict(usual).items() if name in given})


def least_images(usual: Amounts, classes: int) -> int:
    """The fewest images that anything is trained on."""
    return min(usual.images, max(_LEAST_IMAGES, _LEAST_IMAGES_A_CLASS * classes))


def _tenths(value: float) -> float:
    return math.floor(10 * value) / 10


def predict(amounts: Amounts, work: SearchWork, rates: Rates) -> tuple[PlannedStage, ...]:
    """The seconds of every stage of a search."""
    rates = rates.at(amounts.aim)
    if work.small is not None and amounts.train_resolution == work.small:
        rates = rates.half_small()
    side_by_side, pair = max(1, work.workers), min(2, max(1, work.workers))
    epoch_s = max(1, amounts.images // work.batch) * rates.step_s
    trained_s = amounts.epochs * epoch_s + 3 * rates.look_s
    twin_s = amounts.epochs * max(1, amounts.images // work.batch) * rates.twin_step_s + 3 * rates.look_s
    proof_s = 2 * (rates.clock_s + rates.test_s)
    baselines_s = twin_s * 2 / pair + proof_s + 2 * _MATCHES * 2 * rates.clock_s
    lone_proof_s = rates.clock_s + rates.test_s
    ended_s = {
        "both": trained_s * (1 if pair == 2 else 1 + GENTLE_SHARE) + proof_s,
        "scratch": trained_s + lone_proof_s,
        "inherited": trained_s * GENTLE_SHARE + lone_proof_s,
    }
    searched_s = _search_s(amounts, work, rates) / side_by_side + amounts.trials * _PROPOSER_S
    each = (
        PlannedStage("block search", searched_s + FINALISTS * rates.clock_s),
        PlannedStage("NetAdapt", SEED_SHARE * trained_s + 2 * rates.clock_s + _adapting_s(amounts, work, rates)),
        PlannedStage("final networks", ended_s[work.ending]),
        PlannedStage("baselines", baselines_s * work.baselines),
    )
    ahead_of_all = (
        PlannedStage(TABLE, rates.table_s),
        PlannedStage("shared weights", _share_s(amounts, work, rates)),
        *(PlannedStage(stage.name, work.targets * stage.seconds) for stage in each),
    )
    reserve = PlannedStage(RESERVE, _RESERVE * sum(stage.seconds for stage in ahead_of_all))
    return PlannedStage(MEASURING, rates.spent_s), *ahead_of_all, reserve


def _adapting_s(amounts: Amounts, work: SearchWork, rates: Rates) -> float:
    """All steps of NetAdapt. Beside the proposals that are tuned, so is the network before the step."""
    ahead = _AHEAD if work.headroom is None else work.headroom - 1
    steps = 2 + math.ceil(ahead / (1.5 * amounts.delta))
    tuned_s = amounts.steps * rates.step_s + rates.adapt_s
    if work.mode == "reference":
        return steps * (rates.proposals + 1) * tuned_s / max(1, work.workers)
    looked_s = (1 + _AGAIN * (steps - 1)) * rates.screen_s
    return looked_s / max(1, work.workers) + steps * tuned_s


def _share_s(amounts: Amounts, work: SearchWork, rates: Rates) -> float:
    if work.evaluator != "supernet":
        return 0.0
    return amounts.trial_epochs * max(1, amounts.images // work.batch) * rates.share_step_s + 4 * rates.judge_s


def _search_s(amounts: Amounts, work: SearchWork, rates: Rates) -> float:
    """Of one worker alone."""
    if work.evaluator in ("zero-cost", "own"):
        return 0.0
    if work.evaluator == "supernet":
        return amounts.trials * rates.judge_s
    epoch_s = max(1, amounts.images // work.batch) * rates.step_s
    return amounts.trials * (amounts.trial_epochs * epoch_s + 2 * rates.look_s)
