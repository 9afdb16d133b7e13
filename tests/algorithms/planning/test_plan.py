"""A plan keeps to its budget, does more with more, and leaves alone what was asked for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from nas.algorithms.pipeline.context import EndingName
from nas.algorithms.planning.run_plan import Amounts, RunPlan
from nas.algorithms.planning.time_budget import LookShares, Rates, SearchWork, guess_amounts, guess_rates, plan, predict
from nas.errors import NasError

USUAL = Amounts(images=1000, epochs=4.0, trial_epochs=2.0, trials=8, delta=0.01, steps=4)
WORK = SearchWork("train", workers=1, targets=1, classes=10, batch=32)
RATES = Rates(
    spent_s=1,
    table_s=2,
    step_s=0.5,
    twin_step_s=0.6,
    look_s=3,
    share_step_s=1,
    judge_s=4,
    adapt_s=1.5,
    screen_s=2.5,
    clock_s=6,
    test_s=7,
    proposals=9,
)

seconds = st.floats(1e-3, 100)
rates = st.builds(Rates, *[seconds] * 11, st.integers(1, 60))
usuals = st.builds(
    Amounts,
    images=st.integers(30, 100_000),
    epochs=st.floats(0.5, 50),
    trial_epochs=st.floats(0.5, 20),
    trials=st.integers(1, 200),
    delta=st.floats(0.001, 0.1),
    steps=st.integers(0, 50),
)
tasks = st.builds(
    SearchWork,
    evaluator=st.sampled_from(["train", "supernet", "zero-cost"]),
    workers=st.integers(1, 64),
    targets=st.integers(1, 4),
    classes=st.integers(2, 200),
    batch=st.just(32),
    headroom=st.none() | st.floats(1, 2),
    mode=st.sampled_from(["reference", "cheap"]),
    ending=st.sampled_from(["both", "scratch", "inherited"]),
    baselines=st.booleans(),
)
names = st.sets(st.sampled_from(list(asdict(USUAL))))
budgets = st.floats(10, 1e6)


def planned(usual: Amounts, kept: set[str], task: SearchWork, found: Rates, budget_s: float) -> RunPlan | None:
    try:
        return plan(usual, kept, task, found, budget_s)
    except NasError:
        return None


@given(usuals, names, tasks, rates, budgets)
def test_a_plan_fits_its_budget_and_keeps_what_was_given(
    usual: Amounts, kept: set[str], task: SearchWork, found: Rates, budget_s: float
) -> None:
    made = planned(usual, kept, task, found, budget_s)
    if made is None:
        return
    assert made.seconds <= budget_s
    assert made.seconds == pytest.approx(sum(stage.seconds for stage in predict(made.amounts, task, found)))
    for name in kept:
        assert getattr(made.amounts, name) == getattr(usual, name)
    assert 0 < made.amounts.images <= usual.images
    assert made.amounts.epochs > 0


@given(usuals, names, tasks, rates, budgets, st.floats(1, 10))
def test_with_more_time_nothing_is_done_less(
    usual: Amounts, kept: set[str], task: SearchWork, found: Rates, budget_s: float, times: float
) -> None:
    little, much = (planned(usual, kept, task, found, budget) for budget in (budget_s, budget_s * times))
    if little is None:
        return
    assert much is not None
    for name in ("images", "epochs", "trial_epochs", "trials", "steps"):
        assert getattr(little.amounts, name) <= getattr(much.amounts, name)
    assert little.amounts.delta >= much.amounts.delta


def test_stages_by_hand() -> None:
    """31 mini-batches an epoch of half a second each; 4 epochs and 3 looks are 71 seconds of training."""
    found = {stage.name: stage.seconds for stage in predict(USUAL, WORK, RATES)}
    trained = 4 * 31 * 0.5 + 3 * 3
    proof = 2 * (6 + 7)
    assert found == pytest.approx(
        {
            "measuring": 1,
            "latency table": 2,
            "shared weights": 0,
            "block search": 8 * (2 * 31 * 0.5 + 2 * 3) + 8 * 0.05 + 5 * 6,
            "NetAdapt": 0.5 * trained + 2 * 6 + (2 + 4) * 10 * (4 * 0.5 + 1.5),
            "final networks": trained * 4 / 3 + proof,
            "baselines": 2 * (4 * 31 * 0.6 + 3 * 3) + proof + 16 * 6,
            "reserve": 0.1 * (sum(found.values()) - found["reserve"] - 1),
        }
    )


def test_shared_weights_are_trained_once_and_looked_at_often() -> None:
    found = {stage.name: stage.seconds for stage in predict(USUAL, replace(WORK, evaluator="supernet"), RATES)}
    assert found["shared weights"] == pytest.approx(2 * 31 * 1 + 4 * 4)
    assert found["block search"] == pytest.approx(8 * 4 + 8 * 0.05 + 5 * 6)
    three = {stage.name: stage.seconds for stage in predict(USUAL, replace(WORK, targets=3), RATES)}
    one = {stage.name: stage.seconds for stage in predict(USUAL, WORK, RATES)}
    assert three["latency table"] == one["latency table"]
    assert three["NetAdapt"] == pytest.approx(3 * one["NetAdapt"])


def test_cheaply_only_what_is_taken_is_tuned() -> None:
    """All proposals are looked at in the first step, half of them in each of the five others."""
    cheap = {stage.name: stage.seconds for stage in predict(USUAL, replace(WORK, mode="cheap"), RATES)}
    seeded = 0.5 * (4 * 31 * 0.5 + 3 * 3) + 2 * 6
    assert cheap["NetAdapt"] == pytest.approx(seeded + (1 + 0.5 * 5) * 2.5 + (2 + 4) * (4 * 0.5 + 1.5))


@pytest.mark.parametrize(("ending", "epochs"), [("scratch", 4.0), ("inherited", 4 / 3)])
def test_one_ending_is_half_of_the_proof_and_its_own_epochs(ending: EndingName, epochs: float) -> None:
    one = {s.name: s.seconds for s in predict(USUAL, replace(WORK, ending=ending, baselines=False), RATES)}
    both = {s.name: s.seconds for s in predict(USUAL, WORK, RATES)}
    trained = 4 * 31 * 0.5 + 3 * 3
    assert one["final networks"] == pytest.approx(trained * epochs / 4 + RATES.clock_s + RATES.test_s)
    assert one["baselines"] == 0 < both["baselines"]


def test_without_a_budget_the_usual_is_done() -> None:
    made = plan(USUAL, (), WORK, RATES, None)
    assert made.amounts == USUAL
    assert made.budget_s is None


def test_a_short_budget_shows_smaller_images_before_it_trains_less() -> None:
    whole = plan(USUAL, (), WORK, RATES, None).seconds
    may = replace(WORK, small=64)
    for share in (0.65, 0.5, 0.35):
        full, small = (plan(USUAL, (), task, RATES, share * whole) for task in (WORK, may))
        assert (full.amounts.train_resolution, small.amounts.train_resolution) == (None, 64)
        more = small.amounts.epochs / full.amounts.epochs, small.amounts.aim / full.amounts.aim
        assert min(more) >= 1
        assert max(more) > 1.1
        assert small.seconds <= share * whole


@pytest.mark.parametrize("share", [0.95, 1.2, 3.0])
def test_a_budget_that_is_long_enough_shows_the_images_as_they_ship(share: float) -> None:
    whole = plan(USUAL, (), WORK, RATES, None).seconds
    found = [plan(USUAL, (), replace(WORK, small=small), RATES, share * whole) for small in (None, 64)]
    assert found[0] == found[1]


def test_half_small_is_a_third_of_the_training_cheaper() -> None:
    task, amounts = replace(WORK, small=64), replace(USUAL, train_resolution=64)
    small, full = ({s.name: s.seconds for s in predict(one, task, RATES)} for one in (amounts, USUAL))
    looks_and_proof = 3 * 3 * 4 / 3 + 2 * (6 + 7)
    assert small["final networks"] == pytest.approx(0.66 * (full["final networks"] - looks_and_proof) + looks_and_proof)


def test_a_lavish_budget_does_four_times_the_usual_and_no_more() -> None:
    made = plan(USUAL, (), WORK, RATES, 1e9)
    assert made.amounts == Amounts(images=1000, epochs=16, trial_epochs=8, trials=32, delta=0.01, steps=4)


def test_images_are_left_out_only_where_all_else_is_at_its_least() -> None:
    usual = replace(USUAL, images=100_000)
    budgets_s = [3000 * 1.2**n for n in range(30)]
    made = [found for budget in budgets_s if (found := planned(usual, set(), WORK, RATES, budget))]
    assert {found.amounts.images == 100_000 for found in made} == {True, False}
    for found in made:
        if found.amounts.images < 100_000:
            assert found.amounts.epochs == 1
            assert found.amounts.delta == pytest.approx(0.04)


def test_a_budget_that_is_too_little_is_told_the_least_and_that_is_enough() -> None:
    with pytest.raises(NasError, match=r"--budget: 10 s is too little.*leave out --trial-epochs, --trials") as caught:
        plan(USUAL, {"trials", "trial_epochs"}, WORK, RATES, 10)
    enough = re.search(r"--budget (\d+)m", str(caught.value))
    assert enough
    assert plan(USUAL, {"trials", "trial_epochs"}, WORK, RATES, 60 * int(enough[1])).seconds <= 60 * int(enough[1])


@given(st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_rates_at_another_aim_and_back_are_the_same(one: float, other: float) -> None:
    found = replace(RATES, aim=one).at(other)
    assert found.aim == other
    assert (found.step_s > RATES.step_s) == (other > one)
    assert (found.table_s, found.clock_s) == (RATES.table_s, RATES.clock_s)
    assert found.at(one).step_s == pytest.approx(RATES.step_s)


def test_a_budget_takes_fewer_epochs_before_it_takes_smaller_networks() -> None:
    whole = sum(stage.seconds for stage in predict(USUAL, WORK, RATES))
    some = plan(USUAL, [], WORK, RATES, 0.7 * whole).amounts
    assert some.epochs < USUAL.epochs
    assert some.aim == 1.0
    little = plan(USUAL, [], WORK, RATES, 0.3 * whole).amounts
    assert little.epochs == USUAL.epochs / 2
    assert 0.2 <= little.aim < 1.0


def test_guessed_networks_are_as_slow_as_the_target_with_time_and_a_fifth_without() -> None:
    guessed = guess_rates(15.0, 32, 1000, 100.0)
    aims = [guess_amounts(USUAL, [], WORK, guessed, s).aim for s in (1.0, 600.0, 1200.0, 1e6, None)]
    assert aims == sorted(aims)
    assert (aims[0], *aims[-2:]) == (0.2, 1.0, 1.0)


def test_looks_that_were_measured_on_a_part_of_the_images_are_planned_for_all() -> None:
    """At 128 of 1,000 images with 256 for the norms 384 passes of 1,256, of a proposal 256 of 1,128."""
    shares = LookShares(trained=384 / 1256, adapted=256 / 1128, screened=256 / 640)
    measured = replace(RATES, look_s=384.0, judge_s=192.0, adapt_s=256.0, screen_s=512.0)
    found = measured.of_all_images(shares)
    assert (found.look_s, found.judge_s, found.adapt_s, found.screen_s) == pytest.approx((1256, 628, 1128, 1280))
    assert found.step_s == measured.step_s
