"""Budgets beside latency: where each place of a run obeys them, and what is said if none can."""

from collections.abc import Callable, Sequence
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nas.algorithms.block_search.block_search import BlockSearch
from nas.algorithms.block_search.front import search_front
from nas.algorithms.block_search.latency_band import spread_draws, survey
from nas.algorithms.block_search.resolution_choice import choose_for_space
from nas.algorithms.budgets import BUDGET_NAMES, Budget, budgets_of, count_macs, count_parameters, within
from nas.algorithms.evaluators.evaluators import ByTraining
from nas.algorithms.library.library import make_library
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.from_pretrained import PretrainedStart, search_from
from nas.algorithms.pipeline.multi_target import netadapt_targets, search_targets
from nas.algorithms.pipeline.pipeline import search
from nas.algorithms.pipeline.records import Finished, Trial
from nas.design.architecture import Architecture
from nas.design.known import known
from nas.design.size import shorter_side
from nas.design.space import SearchSpace
from nas.errors import Unreachable
from nas.jobs import Teacher
from nas.latency.timing import Estimate
from tests.algorithms.conftest import FakePrices, FakeShips
from tests.algorithms.killing import Killed, KillingPool, all_decisions
from tests.algorithms.pipeline.test_from_pretrained import WAY

Open = Callable[..., Context]
SMALL, LARGE = known("mobilenet_v3_small", 10), known("mobilenet_v3_large", 10)


def counting(name: str) -> Callable[[Architecture], int]:
    """What a budget counts, as a whole number."""
    [budget] = budgets_of({name: 1})
    return lambda arch: int(budget.cost(arch))


COSTS = {name: counting(name) for name in BUDGET_NAMES}
EACH_BUDGET = pytest.mark.parametrize("name", BUDGET_NAMES)


def limit(name: str, arch: Architecture, share: float = 1.0) -> dict[str, int]:
    """The limits of a run that allows this share of what a network costs."""
    return {name: int(share * COSTS[name](arch))}


def excesses(ctx: Context, archs: Sequence[Architecture]) -> list[float]:
    return [budget.excess(arch) for budget in ctx.budgets for arch in archs]


def test_parameters_and_macs_are_those_of_the_published_tables() -> None:
    """Howard et al. 2019, table 3: V3-Small has 2.5 M parameters and 56 M multiply-adds with 1,000 classes."""
    parameters, macs = budgets_of({"macs": 1, "parameters": 1})
    published = known("mobilenet_v3_small", 1000)
    assert parameters.cost(published) == count_parameters(published) == pytest.approx(2.5e6, rel=0.02)
    assert macs.cost(published) == count_macs(published) == pytest.approx(56e6, rel=0.02)


def nothing(folder: Path) -> None:
    """Makes no report."""


def test_within_is_up_to_the_limit_itself() -> None:
    budget = Budget("energy", "mJ", 2.5, lambda arch: shorter_side(arch.resolution) / 100)
    assert within(replace(SMALL, resolution=250), [budget])
    assert not within(replace(SMALL, resolution=251), [budget])
    assert budget.excess(replace(SMALL, resolution=500)) == 1.0
    assert budget.describe(0.25) == "0.25 mJ"


@EACH_BUDGET
@pytest.mark.parametrize("way", [{}, {"sampler": "predictor", "trials": 24}, {"objective": "reward"}], ids=str)
def test_block_search_scores_nothing_above_a_limit(
    name: str, way: dict[str, object], tmp_path: Path, space: SearchSpace, open_context: Open
) -> None:
    def run(folder: str, limits: dict[str, int]) -> tuple[Context, BlockSearch]:
        ctx = open_context(tmp_path / folder, limits=limits, **way)
        blocks = BlockSearch(ctx, space, ByTraining(ctx), survey(ctx, space))
        blocks.run()
        return ctx, blocks

    _, free = run("free", {})
    most = min(COSTS[name](trial.architecture) for trial in free.complete())
    ctx, bound = run("bound", {name: most - 1})
    assert len(bound.complete()) >= 4
    assert max(excesses(ctx, [trial.architecture for trial in bound.complete()])) <= 0
    for trial in ctx.journal.all(Trial):
        assert trial.state == "infeasible" or within(trial.architecture, ctx.budgets)


def test_block_search_begins_within_the_limits(tmp_path: Path, space: SearchSpace, open_context: Open) -> None:
    """What one would do by hand has more parameters at this latency, so that another network comes first."""
    ctx = open_context(tmp_path / "run", limits={"parameters": 1_200_000})
    blocks = BlockSearch(ctx, space, ByTraining(ctx), survey(ctx, space))
    first = [space.draw(lambda name, _, chosen=chosen: chosen[name], 224, 10) for chosen in blocks.starts]  # type: ignore[misc]
    assert max(excesses(ctx, first)) <= 0


def test_spread_draws_of_a_tight_limit_are_many_and_different(space: SearchSpace) -> None:
    budgets = budgets_of({"parameters": int(1.15 * count_parameters(space.smallest(224, 10)))})
    drawn = [arch for _, arch in spread_draws(space, 0, 224, 10, budgets)]
    assert len(set(drawn)) >= 50
    assert all(within(arch, budgets) for arch in drawn)


@EACH_BUDGET
def test_search_at_the_very_least_scores_networks_of_exactly_that(
    name: str, tmp_path: Path, space: SearchSpace, open_context: Open
) -> None:
    least = space.smallest(224, 10)
    ctx = open_context(tmp_path / "run", limits=limit(name, least), trials=2, baselines=False)
    result = search(ctx, space)
    assert {COSTS[name](trial.architecture) for trial in ctx.journal.all(Trial) if trial.score} == {COSTS[name](least)}
    assert result.budgets[0].value == result.budgets[0].limit == COSTS[name](least)


@EACH_BUDGET
def test_search_refuses_an_unreachable_limit_before_anything_trains(
    name: str, tmp_path: Path, space: SearchSpace, open_context: Open, counting_pool: Any
) -> None:
    pool, least = counting_pool(), COSTS[name](space.smallest(224, 10))
    with pytest.raises(Unreachable, match=rf"smallest of the space has {least:,} .*--max-{name} of at least {least}"):
        search(open_context(tmp_path / "run", pool, limits={name: least - 1}), space)
    assert pool.jobs == []


class FlatPrices(FakePrices):
    """Every network takes a millisecond."""

    def __call__(self, architecture: Architecture) -> Estimate:
        return Estimate(1.0, 0.1, ())


def test_alternatives_that_are_no_faster_are_trained_if_a_limit_wants_them(tmp_path: Path, open_context: Open) -> None:
    def count(name: str, limits: dict[str, int]) -> int:
        ctx = changed(open_context(tmp_path / name, limits=limits), prices=FlatPrices())
        weights = ctx.work.folder / "start.safetensors"
        weights.write_text("start")
        return sum(len(place.alternatives) for place in make_library(ctx, Teacher(LARGE, weights), [224]).places)

    assert count("free", {}) == 0
    assert count("limited", limit("parameters", LARGE, 0.5)) > 50


@EACH_BUDGET
@pytest.mark.parametrize("target_ms", [2.0, 9.0])
def test_a_search_from_weights_puts_networks_together_within_latency_and_limit(
    name: str, target_ms: float, tmp_path: Path, open_context: Open
) -> None:
    """At 9 ms the start is within the target, but has more parameters and multiply-adds than are allowed."""
    weights = tmp_path / "start.safetensors"
    weights.write_text("start")
    way = {**WAY, "target_ms": target_ms, "limits": limit(name, LARGE, 0.5)}
    ctx = open_context(tmp_path / "run", **way)
    result = search_from(ctx, [PretrainedStart("mobilenet_v3_large", LARGE, weights)])
    trials = [trial.architecture for trial in ctx.journal.all(Trial)]
    assert len(trials) >= 6
    assert max(excesses(ctx, trials)) <= 0
    assert max(FakePrices()(arch).ms for arch in trials) <= target_ms
    assert max(excesses(ctx, [done.architecture for done in ctx.journal.all(Finished)])) <= 0
    assert result.budgets[0].value <= result.budgets[0].limit


def test_a_front_has_no_network_above_a_limit(tmp_path: Path, space: SearchSpace, open_context: Open) -> None:
    ctx = open_context(
        tmp_path / "run",
        pareto=True,
        sampler="nsga2",
        targets_ms=(0.8, 1.2),
        target_ms=0.8,
        limits={"parameters": 1_500_000},
    )
    front = search_front(ctx, space)
    assert max(network.params for network in front.networks) <= 1_500_000
    assert front.limits == "at most 1,500,000 parameters"


@pytest.mark.parametrize("command", ["search", "netadapt"])
def test_each_of_several_targets_obeys_the_limits(
    command: str, tmp_path: Path, space: SearchSpace, open_context: Open
) -> None:
    ctx = open_context(
        tmp_path / "run",
        command=command,
        targets_ms=(0.9, 1.1),
        target_ms=0.9,
        trials=6,
        limits={"parameters": 1_200_000},
    )
    if command == "search":
        summary = search_targets(ctx, space, nothing)
    else:
        summary = netadapt_targets(ctx, SMALL, None, nothing)
    assert [result.target_ms for result in summary.results] == [0.9, 1.1]
    for result in summary.results:
        assert result.measured_ms <= result.target_ms
        assert result.params == result.budgets[0].value <= 1_200_000
        assert all(row.params <= 1_200_000 for row in result.baselines)


def test_a_limit_that_no_target_reaches_is_told_once_for_all(
    tmp_path: Path, space: SearchSpace, open_context: Open, counting_pool: Any
) -> None:
    pool = counting_pool()
    ctx = open_context(tmp_path / "run", pool, targets_ms=(0.9, 1.1), target_ms=0.9, limits={"macs": 1000})
    with pytest.raises(Unreachable, match="No network has at most 1,000 MACs"):
        search_targets(ctx, space, nothing)
    assert pool.jobs == []


@pytest.mark.parametrize("survives", [5, 25])
def test_killed_with_limits_a_run_ends_as_if_it_had_not_been(
    survives: int, tmp_path: Path, space: SearchSpace, open_context: Open, counting_pool: Any
) -> None:
    way = {"limits": {"parameters": 1_000_000}, "trials": 6, "mode": "cheap", "headroom": None}
    whole = search(open_context(tmp_path / "whole", **way), space)
    with pytest.raises(Killed):
        search(open_context(tmp_path / "killed", KillingPool(counting_pool(), survives), **way), space)
    again = search(open_context(tmp_path / "killed", **way), space)
    assert (again.endings, again.baselines, again.budgets) == (whole.endings, whole.baselines, whole.budgets)
    assert all_decisions(tmp_path / "killed") == all_decisions(tmp_path / "whole")


def test_resolutions_at_which_a_limit_allows_nothing_are_not_chosen(space: SearchSpace) -> None:
    sides, allowed = (200, 200, 200), budgets_of({"macs": count_macs(space.smallest(128, 10))})
    assert choose_for_space(space, 10, sides, [50.0], FakeShips())[-1] > 128
    assert choose_for_space(space, 10, sides, [50.0], FakeShips(), allowed)[-1] == 128
