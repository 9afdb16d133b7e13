"""The plan of a search from pretrained weights."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from nas.algorithms.planning.run_plan import Amounts
from nas.algorithms.planning.start_plan import (
    StartRates,
    StartTask,
    library_passes,
    plan_start,
    predict_start,
    scale_start,
)
from nas.algorithms.planning.time_budget import LEVELS
from nas.design.alternatives import alternatives
from nas.design.architecture import Architecture, Head, InvertedResidual, Stage, Stem
from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.known import known
from nas.errors import NasError
from tests.design.inverted import inverted

USUAL = Amounts(images=7200, epochs=15, trial_epochs=1.5, trials=36, delta=0.01, steps=0)
TASK = StartTask(
    trained=16, looked=70, share=0.3, starts=1, sides=3, targets=1, workers=2, batch=32, looks=640, classes=20
)
RATES = StartRates(spent_s=20, table_s=10, step_s=0.3, clock_s=2, test_s=6)


def seconds(amounts: Amounts = USUAL, task: StartTask = TASK, rates: StartRates = RATES) -> dict[str, float]:
    return {stage.name: stage.seconds for stage in predict_start(amounts, task, rates)}


def test_passes_of_the_library_of_one_block_are_those_counted_by_hand() -> None:
    """Two alternatives of a block without expansion or shortcut: a smaller kernel alone."""
    arch = Architecture(
        32,
        Stem(8, "relu"),
        (Stage(16, 2, (InvertedResidual(5, None, False, "relu", False),)),),
        Head(32, None, "relu"),
        4,
    )
    [[one]] = alternatives(arch)
    assert one.instead is not None
    assert inverted(one.instead).kernel == 3
    whole, stem = macs(lower(arch)), 27 * 8 * 16 * 16
    block, narrow = (8 * kernel**2 * 64 + 8 * 16 * 64 for kernel in (5, 3))
    trained, looked = library_passes(arch, ())
    assert trained == pytest.approx((stem + block + 3 * narrow) / whole)
    assert looked == pytest.approx((whole + whole - block + narrow - stem) / whole)


def test_what_is_kept_costs_nothing() -> None:
    arch = known("efficientnet_lite0", 10)
    assert library_passes(arch, ["s6"])[0] < library_passes(arch, [])[0]
    assert library_passes(arch, [f"s{s}" for s in range(7)]) == (0.0, 0.0)


def test_a_second_target_costs_no_second_library() -> None:
    one, two = seconds(), seconds(task=replace(TASK, targets=2))
    assert two["start"] == one["start"]
    assert two["block library"] == one["block library"]
    assert two["final networks"] == pytest.approx(2 * one["final networks"])


def test_without_a_budget_the_amounts_are_the_usual_ones() -> None:
    assert plan_start(USUAL, (), TASK, RATES, None).amounts == USUAL


@pytest.mark.parametrize("budget_s", [1200.0, 3600.0, 7200.0])
def test_what_is_planned_fits_into_the_budget_and_uses_most_of_it(budget_s: float) -> None:
    made = plan_start(USUAL, (), TASK, RATES, budget_s)
    assert 0.6 * budget_s < made.seconds <= budget_s
    assert made.amounts.aim == 1.0


def test_images_are_left_out_only_where_no_training_can_be_shorter() -> None:
    plans = [scale_start(USUAL, (), 20, level) for level in LEVELS]
    thinned = [amounts for amounts in plans if amounts.images < USUAL.images]
    assert thinned
    assert {amounts.epochs for amounts in thinned} == {2.0}
    assert {amounts.trial_epochs for amounts in thinned} == {0.2}


def test_a_higher_level_has_no_less_of_anything() -> None:
    plans = [scale_start(USUAL, (), 20, level) for level in LEVELS]
    for more, less in pairwise(plans):
        assert more.images >= less.images
        assert more.epochs >= less.epochs
        assert more.trial_epochs >= less.trial_epochs
        assert more.trials >= less.trials


def test_amounts_that_were_asked_for_stay() -> None:
    made = plan_start(USUAL, {"epochs"}, TASK, RATES, 1500.0)
    assert made.amounts.epochs == USUAL.epochs
    assert made.amounts.trials < USUAL.trials


def test_a_budget_that_is_too_little_is_told_with_the_least_that_would_do() -> None:
    with pytest.raises(NasError, match=r"--budget: .* is too little\. The least .* --budget \d+m"):
        plan_start(USUAL, (), TASK, RATES, 30.0)
