"""What NetAdapt proposes for detectors and segmenters: also their heads' widths and the reduced tail."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from nas.algorithms.budgets import budgets_of
from nas.algorithms.netadapt.proposals import LEAST_WIDTH, Proposed, narrowest, propose, propose_within
from nas.algorithms.pipeline.context import Context
from nas.design.architecture import Architecture
from nas.design.dense.head import DenseHead
from nas.design.edits.edit import Narrow, cuts, edited, end_cuts, width_of
from nas.design.edits.resize import Resize
from nas.design.edits.tail import ReduceTail
from nas.design.graph import lower
from nas.design.known import known
from tests.algorithms.conftest import FakePrices, started
from tests.algorithms.netadapt.test_netadapt_proposals import Staircase

Open = Callable[..., Context]
DETECTOR = known("ssdlite_mobilenet_v3_small-1-160", 5)
NAMES = (
    "ssdlite_mobilenet_v3_small-1-160",
    "lraspp_mobilenet_v3_large-1-192x256",
    "raspp_mobilenet_v2-0.5-96",
    "ssdlite_mobilenet_v1-0.5-96",
    "ssdlite_shufflenet_v2-1-96",
    "lraspp_mobilenet_v4_conv_small-0.5-96",
)


def proposed(arch: Architecture, share: float = 0.9999, resize: bool = False) -> list[Proposed]:
    prices = Staircase(8)
    return propose(arch, prices(arch).ms * share, prices, "all", resize=resize)


@pytest.mark.parametrize("name", NAMES)
def test_every_width_of_a_dense_network_is_proposed_its_heads_too(name: str) -> None:
    arch = known(name, 5)
    found = proposed(arch, resize=True)
    wide = {cut.name for cut in (*cuts(arch), *end_cuts(arch)) if width_of(arch, cut) > LEAST_WIDTH}
    assert {one.edit.name for one in found} >= wide
    assert any(one.edit.name.startswith("dense.") for one in found)
    assert any(isinstance(one.edit, Resize) for one in found)
    for one in found:
        assert one.architecture == edited(arch, one.edit)
        assert isinstance(one.architecture.dense, DenseHead)
        assert one.predicted_ms == Staircase(8)(one.architecture).ms < Staircase(8)(arch).ms


def test_the_reduced_tail_is_one_proposal_where_it_can_be_cut() -> None:
    tails = {name: [one for one in proposed(known(name, 5)) if one.edit == ReduceTail()] for name in NAMES}
    assert [len(found) for found in tails.values()] == [1, 1, 1, 1, 0, 1]
    assert [one.edit.name for one in tails[NAMES[0]]] == ["tail"]


def test_a_head_that_is_kept_is_in_no_proposal() -> None:
    prices = Staircase(8)
    found = propose(DETECTOR, prices(DETECTOR).ms - 1e-4, prices, "all", resize=True, keep=["head"])
    whole = {node.name: node.op for node in lower(DETECTOR).nodes if node.name.startswith("head")}
    assert any(isinstance(one.edit, Narrow) for one in found)
    for one in found:
        if not isinstance(one.edit, Resize):
            ops = {node.name: node.op for node in lower(one.architecture).nodes if node.name.startswith("head")}
            assert ops == whole, one.edit


def test_budgets_propose_the_head_as_well() -> None:
    [budget] = budgets_of({"parameters": 10})
    found = propose_within(DETECTOR, budget.cost(DETECTOR) - 1, budget, FakePrices(), "all")
    names = {one.edit.name for one in found}
    assert names >= {"dense.extra0", "dense.extra3", "tail", "head.width"}


@pytest.mark.parametrize("name", [name for name in NAMES if "shuffle" not in name])
def test_narrowest_has_the_least_of_every_width_that_may_be_cut(name: str) -> None:
    arch = narrowest(known(name, 5), "all")
    assert isinstance(arch.dense, DenseHead)
    widths = [*arch.dense.widths.values(), *(stage.width for stage in arch.stages)]
    widths += [width for stage in arch.stages for block in stage.blocks for width in block.widths.values()]
    assert set(widths) == {LEAST_WIDTH}
    plain = narrowest(known(name, 5))
    assert plain.dense == known(name, 5).dense, "as published, only what the paper cuts"


def test_a_run_shrinks_a_detector_to_its_goal(tmp_path: Path, open_context: Open) -> None:
    ctx = open_context(tmp_path / "run", mode="cheap", proposals="all", delta=0.05)
    adapted = started(ctx, replace(DETECTOR, classes=10))
    goal = 0.4 * adapted.current.predicted_ms
    adapted.shrink(goal)
    last = adapted.current.architecture
    assert adapted.current.predicted_ms <= goal
    assert last.task == "detection"
    assert len(lower(last).anchors) == 6
