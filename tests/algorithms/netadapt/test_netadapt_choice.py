"""What cheap NetAdapt makes of a step: several cuts at once, or the best proposal alone where it cannot be of them."""

from collections.abc import Callable
from dataclasses import replace as changed
from pathlib import Path

import pytest
from msgspec.structs import replace

from nas.algorithms.netadapt.goal import Goal
from nas.algorithms.netadapt.loop import NetAdapt
from nas.algorithms.netadapt.proposal_evaluation import Tuning
from nas.algorithms.netadapt.proposals import narrowest
from nas.algorithms.netadapt.step_strategies import Room, together
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Proposal
from nas.design.architecture import Architecture
from nas.design.cost import macs
from nas.design.edits.edit import CutInner, Edit, Narrow, Together, block_origins
from nas.design.edits.simplify import DropBlock
from nas.design.graph import lower
from nas.design.known import known
from nas.jobs import Adapt, EvaluateEdits, Job, Outcome, Score
from nas.latency.timing import Estimate
from tests.algorithms.conftest import MACS_PER_MS, CountingPool, FakePrices, started

Open = Callable[..., Context]
LARGE, SMALL = known("mobilenet_v3_large", 10), known("mobilenet_v3_small", 10)


def costing(cost: Callable[[Edit], float]) -> CountingPool:
    """A world in which every edit costs so much loss, those that are made at once together what each does."""

    def seen(edit: Edit | None) -> Outcome:
        parts = edit.edits if isinstance(edit, Together) else [edit] if edit else []
        loss = 1 + sum(cost(part) for part in parts)
        losses = tuple(loss + (0.001 if image % 2 else -0.001) * (edit is not None) for image in range(50))
        return Outcome(Score(0.5, (0.4, 0.6), loss, 50), losses, 0.0)

    def worker(job: Job) -> Outcome:
        if isinstance(job, EvaluateEdits):
            return replace(seen(None), edits=tuple(seen(edit) for edit in job.edits))
        assert isinstance(job, Adapt)
        job.out.write_text("weights")
        return seen(job.edit)

    return CountingPool(worker)


def start(ctx: Context, arch: Architecture) -> NetAdapt:
    adapted = started(ctx, arch)
    ctx.journal.add(adapted.current)
    return adapted


def test_a_block_that_is_worth_nothing_is_removed_before_anything_is_cut(tmp_path: Path, open_context: Open) -> None:
    pool = costing(lambda edit: -0.1 if isinstance(edit, DropBlock) else 0.05)
    adapted = start(open_context(tmp_path / "run", pool, mode="cheap", proposals="all", delta=0.01), LARGE)
    adapted.shrink(0.8 * adapted.current.predicted_ms)
    assert isinstance(adapted.steps[1].edit, DropBlock)


def test_the_best_is_made_alone_where_it_saves_more_than_cuts_at_once_may(tmp_path: Path, open_context: Open) -> None:
    class Prices(FakePrices):
        """A head of more than 512 channels takes a step of a staircase."""

        def __call__(self, architecture: Architecture) -> Estimate:
            stair_ms = 0.12 if (architecture.head.width or 0) > 512 else 0.0
            return Estimate(macs(lower(architecture)) / MACS_PER_MS + stair_ms, 0.1, ())

    pool = costing(lambda edit: 0.0 if edit.name == "head.width" else 0.05)
    ctx = open_context(tmp_path / "run", pool, mode="cheap", proposals="all", delta=0.01)
    adapted = start(changed(ctx, prices=Prices()), SMALL)
    adapted.shrink(0.88 * adapted.current.predicted_ms)
    assert [step.name for step in adapted.steps[1:2]] == ["head.width 576 to 512"]


def test_what_costs_far_more_than_one_that_waits_does_not_fill_the_room_that_is_left(
    tmp_path: Path, open_context: Open
) -> None:
    """Once two cuts are taken the third has no room; the ruinous one has, and would be made before it."""
    ctx = open_context(tmp_path / "run", mode="cheap")
    adapted = started(ctx, LARGE)
    parent = replace(adapted.current, predicted_ms=10.0)
    rows = {"s2b1": (0.1, 1.0), "s3b1": (0.2, 1.0), "s3b2": (0.3, 1.0), "s4b1": (0.31, 0.3), "s5b1": (9.0, 0.3)}
    found = [
        Proposal(
            key=name,
            step=1,
            name=name,
            architecture=LARGE,
            predicted_ms=10.0 - saved_ms,
            loss_change=loss,
            loss_change_ci95=(loss - 0.01, loss + 0.01),
            score=parent.score,
            seconds=0.0,
            edit=Narrow(CutInner(int(name[1]), int(name[3])), 64),
        )
        for name, (loss, saved_ms) in rows.items()
    ]
    tuning = Tuning(ctx, 1, parent, Goal(5.0))
    made = {
        room_ms: [one.name for one in together(tuning, found, Room(room_ms, 0.0))] for room_ms in (1.5, 2.4, 3.0, 4.0)
    }
    assert made == {
        1.5: ["s2b1"],
        2.4: ["s2b1", "s3b1"],
        3.0: ["s2b1", "s3b1", "s3b2"],
        4.0: ["s2b1", "s3b1", "s3b2", "s4b1", "s5b1"],
    }


def test_after_a_block_was_removed_nothing_is_known_of_names_that_moved(tmp_path: Path, open_context: Open) -> None:
    pool = costing(lambda edit: float(isinstance(edit, DropBlock)))
    ctx = open_context(tmp_path / "run", pool, mode="cheap", proposals="all")
    adapted = start(ctx, LARGE)
    adapted.shrink(0.95 * adapted.current.predicted_ms)
    looked = next(one.key.removeprefix("proposal-1-") for one in ctx.journal.all(Proposal) if one.step == 1)
    parent, step = adapted.steps[:2]
    assert Tuning(ctx, 2, step).last(looked) is not None
    drop = DropBlock(3, 1)
    assert block_origins(LARGE, drop)["s3b1"] == "s3b2"
    other = open_context(tmp_path / "other", mode="cheap", proposals="all", delta=0.01)
    removed = replace(step, edit=drop)
    other.journal.add(parent, removed, *(one for one in ctx.journal.all(Proposal) if one.step == 1))
    assert Tuning(other, 2, removed).last(looked) is None


@pytest.mark.parametrize("proposals", ["channels", "all"])
def test_a_descent_goes_as_far_as_is_promised(proposals: str, tmp_path: Path, open_context: Open) -> None:
    """Coarse steps too: at the very end, what saves less than a tenth of one."""
    ctx = open_context(tmp_path / "run", costing(lambda _: 0.01), mode="cheap", proposals=proposals, delta=0.05)
    adapted = start(ctx, SMALL)
    promised_ms = ctx.prices(narrowest(SMALL, ctx.settings.proposals)).ms
    adapted.shrink(promised_ms)
    assert adapted.current.predicted_ms == promised_ms
