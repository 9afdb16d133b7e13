"""The figure of what NetAdapt had to choose from."""

import pytest
from msgspec.structs import replace

from nas.algorithms.pipeline.records import Proposal, Step
from nas.design.edits.edit import CutInner, Narrow, Together
from nas.report.figures.proposals import proposals
from tests.report.sample import FOUND, NARROWER, score

FIRST, SECOND = Narrow(CutInner(3, 1), 96), Narrow(CutInner(3, 2), 96)


def proposal(edit: Narrow, saved_ms: float, change: float, steps: int | None = 4) -> Proposal:
    key, interval = f"proposal-1-{edit.name}", (change - 0.01, change + 0.01)
    return Proposal(key, 1, f"{edit.name} <b>", NARROWER, 10 - saved_ms, change, interval, score(0.9), 1.0, 1, steps)


def steps(edit: Narrow | Together) -> list[Step]:
    seed = Step("step-0", 0, "seed", FOUND, 10.0, score(0.9), "a")
    return [seed, replace(seed, key="step-1", step=1, predicted_ms=9.5, edit=edit)]


def test_losses_are_by_what_they_save_and_what_was_taken_is_marked() -> None:
    found = [proposal(FIRST, 0.5, 0.02), proposal(SECOND, 0.25, -0.01)]
    tuned, taken = proposals(found, steps(FIRST)).data
    assert (taken.name, list(taken.x), list(taken.y)) == ("taken", [1], [pytest.approx(0.04)])
    assert list(taken.error_y.array) == [pytest.approx(0.02)]
    assert (tuned.name, list(tuned.y)) == ("tuned", [pytest.approx(-0.04)])
    assert "&lt;b&gt;" in taken.text[0]
    assert "0.500" in taken.text[0]


def test_screened_proposals_stand_apart_and_all_of_several_edits_are_taken() -> None:
    found = [proposal(FIRST, 0.5, 0.02, 0), proposal(SECOND, 0.25, 0.01, 0)]
    assert [trace.name for trace in proposals(found, steps(FIRST)).data] == ["only screened", "taken"]
    [both] = proposals(found, steps(Together((FIRST, SECOND)))).data
    assert len(both.x) == 2


def test_proposals_of_a_step_that_is_not_decided_are_shown() -> None:
    found = [replace(proposal(FIRST, 0.5, 0.02), step=2, key="proposal-2-x", predicted_ms=9.0)]
    [trace] = proposals(found, steps(FIRST)).data
    assert (trace.name, list(trace.x), list(trace.y)) == ("tuned", [2], [pytest.approx(0.04)])
