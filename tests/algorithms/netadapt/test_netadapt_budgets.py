"""NetAdapt with budgets beside latency: what it proposes, what it prefers, and where it ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nas.algorithms.budgets import budgets_of, count_macs, count_parameters
from nas.algorithms.netadapt.goal import Goal
from nas.algorithms.netadapt.proposal_evaluation import Tuning
from nas.algorithms.netadapt.proposals import narrowest, propose_within, widths_below
from nas.algorithms.netadapt.ranking import by_paper, by_preference
from nas.algorithms.netadapt.step_strategies import Room, cheap, reference
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.pipeline import netadapt
from nas.algorithms.pipeline.records import Finished, Proposal, Step
from nas.algorithms.pipeline.result_file import Result
from nas.design.edits.edit import Narrow, apply, cuts, width_of
from nas.design.edits.resize import Resize
from nas.design.edits.simplify import simpler
from nas.design.files import read_architecture
from nas.errors import Unreachable
from nas.jobs import Score
from tests.algorithms.block_search.test_budgets import COSTS, EACH_BUDGET, LARGE, SMALL, excesses, limit
from tests.algorithms.conftest import FakePrices, started
from tests.algorithms.killing import decisions
from tests.algorithms.netadapt.test_netadapt_choice import costing

Open = Callable[..., Context]


@EACH_BUDGET
def test_propose_within_cuts_each_group_no_more_than_the_limit_wants(name: str) -> None:
    [budget] = budgets_of(limit(name, SMALL))
    most = 0.99 * budget.limit
    found = {
        one.edit.cut: one for one in propose_within(SMALL, most, budget, FakePrices()) if isinstance(one.edit, Narrow)
    }
    for cut in cuts(SMALL):
        costs = {width: COSTS[name](apply(SMALL, cut, width)) for width in widths_below(width_of(SMALL, cut))}
        reaching = [width for width, cost in costs.items() if cost <= most]
        assert (cut in found) == bool(reaching)
        if reaching:
            assert found[cut].edit == Narrow(cut, max(reaching))
            assert found[cut].predicted_ms == FakePrices()(found[cut].architecture).ms


def test_propose_within_offers_only_changes_that_lower_the_budget() -> None:
    """Activations and resolutions change no parameters; multiply-adds fall with the resolution."""
    parameters, macs = budgets_of({"parameters": count_parameters(LARGE), "macs": count_macs(LARGE)})
    fewer, less = (
        propose_within(LARGE, one.cost(LARGE), one, FakePrices(), "all", resize=True) for one in (parameters, macs)
    )
    assert all(count_parameters(one.architecture) < count_parameters(LARGE) for one in fewer)
    assert not [one for one in fewer if isinstance(one.edit, Resize)]
    assert [one for one in less if isinstance(one.edit, Resize)]
    assert set(simpler(LARGE)) & {one.edit for one in fewer}
    assert propose_within(LARGE, 1.0, parameters, FakePrices(), "all", resize=True) == []


@EACH_BUDGET
@pytest.mark.parametrize("way", [{"mode": "reference"}, {"mode": "cheap"}, {"select": "paper"}], ids=str)
def test_netadapt_goes_on_until_latency_and_budgets_are_met(
    name: str, way: dict[str, object], tmp_path: Path, open_context: Open
) -> None:
    limits, target_ms = limit(name, SMALL, 0.75), 0.95 * FakePrices()(SMALL).ms

    def begin() -> tuple[Context, Result]:
        ctx = open_context(
            tmp_path / "run", command="netadapt", target_ms=target_ms, limits=limits, delta=0.04, headroom=None, **way
        )
        return ctx, netadapt(ctx, SMALL, None)

    ctx, result = begin()
    steps = ctx.journal.all(Step)
    assert excesses(ctx, [steps[-1].architecture])[0] <= 0 < excesses(ctx, [steps[-2].architecture])[0]
    assert result.measured_ms <= target_ms
    assert max(excesses(ctx, [done.architecture for done in ctx.journal.all(Finished)])) <= 0
    lowered = [step.lowers for step in steps[1:]]
    assert lowered == sorted(lowered, key=["latency", name].index), "first the target, then the budget"
    assert set(lowered) == {"latency", name}
    written = msgspec.json.decode((ctx.folder / "result.json").read_bytes(), type=Result)
    shipped = read_architecture(ctx.folder / "architecture.json")
    assert [(one.name, one.limit, one.value) for one in written.budgets] == [(name, limits[name], COSTS[name](shipped))]
    before = decisions(ctx)
    assert decisions(begin()[0]) == before


def test_netadapt_cuts_several_groups_at_once_for_a_budget_too(tmp_path: Path, open_context: Open) -> None:
    said: list[str] = []
    way = {"target_ms": 9.0, "limits": limit("parameters", SMALL, 0.6), "mode": "cheap"}
    ctx = open_context(tmp_path / "run", command="netadapt", say=said.append, **way)
    netadapt(ctx, SMALL, None)
    assert not any("nothing to take away" in line for line in said)
    steps = ctx.journal.all(Step)[1:]
    assert {step.lowers for step in steps} == {"parameters"}
    assert any(" and " in step.name or "," in step.name for step in steps), [step.name for step in steps]


@EACH_BUDGET
def test_netadapt_refuses_an_unreachable_limit_before_anything_trains(
    name: str, tmp_path: Path, open_context: Open, counting_pool: Any
) -> None:
    pool, least, every = counting_pool(), COSTS[name](narrowest(SMALL)), COSTS[name](narrowest(SMALL, "all"))
    ctx = open_context(tmp_path / "run", pool, command="netadapt", target_ms=5.0, limits={name: least - 1})
    with pytest.raises(Unreachable, match=f"to {least:,} .*, with --proposals all to {every:,}"):
        netadapt(ctx, SMALL, None)
    assert pool.jobs == []


def test_netadapt_reaches_the_least_that_is_promised(tmp_path: Path, open_context: Open) -> None:
    least = narrowest(SMALL)
    ctx = open_context(
        tmp_path / "run", command="netadapt", target_ms=9.0, limits=limit("parameters", least), mode="cheap", delta=0.1,
        baselines=False,
    )  # fmt: skip
    assert netadapt(ctx, SMALL, None).params == count_parameters(least)


def test_a_network_within_latency_and_budgets_is_not_cut(tmp_path: Path, open_context: Open) -> None:
    said: list[str] = []
    ctx = open_context(
        tmp_path / "run", command="netadapt", target_ms=9.0, limits=limit("macs", SMALL), say=said.append
    )
    netadapt(ctx, SMALL, None)
    assert len(ctx.journal.all(Step)) == 1
    assert any("nothing to take away" in line for line in said)


def test_proposals_are_ranked_by_the_loss_of_what_the_goal_counts() -> None:
    """Both lose 0.1; by milliseconds the first is better, by parameters the second."""
    score = Score(0.5, (0.4, 0.6), 1.0, 50)
    rows = {"fast": (1.0, SMALL), "small": (2.0, narrowest(SMALL))}
    found = [
        Proposal(name, 1, name, arch, ms, 0.1, (0.05, 0.15), score, 1.0, 1, 0, -0.1)
        for name, (ms, arch) in rows.items()
    ]

    def cost(one: Proposal) -> float:
        return count_parameters(one.architecture)

    before = 2.0 * count_parameters(SMALL)
    assert [one.name for one in by_preference(found, 3.0)] == ["fast", "small"]
    assert [one.name for one in by_preference(found, before, 0.0, cost)] == ["small", "fast"]
    assert [one.name for one in by_paper(found, 3.0)] == ["fast", "small"]
    assert [one.name for one in by_paper(found, before, cost)] == ["small", "fast"]


@pytest.mark.parametrize("mode", ["reference", "cheap"])
def test_a_step_prefers_what_loses_least_for_what_it_saves_of_its_budget(
    mode: str, tmp_path: Path, open_context: Open
) -> None:
    """All lose the same, so that the order is that of the parameters saved; that of milliseconds is another."""
    ctx = open_context(tmp_path / "run", costing(lambda _: 0.05), mode=mode, limits=limit("parameters", SMALL, 0.1))
    [budget] = ctx.budgets
    tuning = Tuning(ctx, 1, started(ctx, SMALL).current, Goal(budget.limit, budget))
    proposed = propose_within(SMALL, budget.cost(SMALL) - 1, budget, ctx.prices)
    choice = reference(tuning, proposed) if mode == "reference" else cheap(tuning, proposed, Room(1.0, 0.0))
    saved = {one.edit.name: tuning.saved(one) for one in proposed}
    made = [saved[edit.name] for edit in choice.edits]
    assert made == sorted(saved.values(), reverse=True)
    assert len(set(made)) > 10
