"""Edits beyond the paper's two cuts: each changes what it names, and nothing else."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nas.design.architecture import Architecture, Head, InvertedResidual, Stage, Stem
from nas.design.cost import macs, params
from nas.design.edits.edit import CutEnd, Edit, Narrow, apply, block_origins, describe_edit, edited, end_cuts, width_of
from nas.design.edits.simplify import (
    DropBlock,
    DropSqueeze,
    ShrinkKernel,
    UseRelu,
    UseReluAtEnd,
    simpler,
)
from nas.design.graph import lower
from nas.design.known import known
from nas.design.op import Activation, is_curved
from tests.design.strategies import architectures

LARGE = known("mobilenet_v3_large")


def test_v3_large_allows_what_its_table_shows() -> None:
    """Table 1: eight blocks with SE, nine with h-swish and both ends, six of kernel 5, ten with a shortcut."""
    kinds = [type(change) for change in simpler(LARGE)]
    counts = [kinds.count(kind) for kind in (DropSqueeze, UseRelu, UseReluAtEnd, ShrinkKernel, DropBlock)]
    assert counts == [8, 9, 2, 6, 10]
    assert [cut.name for cut in end_cuts(LARGE)] == ["head.width", "hidden.width"]
    assert [cut.name for cut in end_cuts(known("mobilenet_v2"))] == ["stem.width", "head.width"]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Narrow(CutEnd("hidden"), 1024), "hidden.width 1280 to 1024"),
        (DropSqueeze(2, 0), "s2b0.se off"),
        (UseReluAtEnd("stem"), "stem.activation hswish to relu"),
        (UseRelu(3, 1), "s3b1.activation hswish to relu"),
        (ShrinkKernel(2, 2), "s2b2.kernel 5 to 3"),
        (DropBlock(3, 2), "s3b2 removed"),
    ],
)
def test_an_edit_is_told_in_words(edit: Edit, words: str) -> None:
    assert describe_edit(LARGE, edit) == words


@pytest.mark.parametrize("activation", get_args(Activation))
def test_simpler_proposes_relu_for_every_curved_activation(activation: Activation) -> None:
    block = InvertedResidual(3, None, False, activation, False)
    arch = Architecture(32, Stem(8, activation), (Stage(8, 1, (block,)),), Head(8, None, activation), 10)
    said = [describe_edit(arch, change) for change in simpler(arch)]
    places = ["stem", "head", "s0b0"] if is_curved(activation) else []
    assert said == [f"{place}.activation {activation} to relu" for place in places]


@pytest.mark.parametrize("cut", end_cuts(known("mobilenet_v2")) + end_cuts(LARGE))
def test_an_end_is_cut_alone(cut: CutEnd) -> None:
    arch = LARGE if cut.end == "hidden" else known("mobilenet_v2")
    after = apply(arch, cut, 24)
    assert width_of(after, cut) == 24
    assert after.stages == arch.stages


def test_a_dropped_block_shifts_the_names_behind_it() -> None:
    assert block_origins(LARGE, DropBlock(3, 1)) == {"s3b1": "s3b2", "s3b2": "s3b3"}
    without = edited(LARGE, DropBlock(0, 0))
    assert without.stages == LARGE.stages[1:]
    assert block_origins(LARGE, DropBlock(0, 0))["s1b1"] == "s2b1"


def test_the_only_block_stays() -> None:
    arch = Architecture(
        32,
        Stem(8, "relu"),
        (Stage(8, 1, (InvertedResidual(3, None, False, "relu", True),)),),
        Head(8, None, "relu"),
        10,
    )
    assert not [change for change in simpler(arch) if isinstance(change, DropBlock)]


@given(architectures(), st.data())
def test_a_change_leaves_a_legal_cheaper_network(arch: Architecture, data: st.DataObject) -> None:
    changes = simpler(arch)
    assert len({change.name for change in changes}) == len(changes)
    if not changes:
        return
    change = data.draw(st.sampled_from(changes))
    before, after = lower(arch), lower(edited(arch, change))
    left = {node.name for node in after.nodes}
    match change:
        case UseRelu() | UseReluAtEnd():
            assert (params(after), macs(after)) == (params(before), macs(before))
        case DropBlock():
            gone = len(before.nodes) - len(after.nodes)
            assert gone == sum(node.name.startswith(f"{change.name}_") for node in before.nodes)
        case _:
            assert params(after) < params(before)
            assert left <= {node.name for node in before.nodes}


@given(architectures(), st.data())
def test_origins_lead_to_the_same_blocks(arch: Architecture, data: st.DataObject) -> None:
    dropped = [change for change in simpler(arch) if isinstance(change, DropBlock)]
    if not dropped:
        return
    change = data.draw(st.sampled_from(dropped))
    origins = block_origins(arch, change)
    before = {node.name: node.op for node in lower(arch).nodes}
    for node in lower(edited(arch, change)).nodes:
        block, _, part = node.name.partition("_")
        assert before[f"{origins.get(block, block)}_{part}" if part else block] == node.op


def test_replacing_is_not_needed_for_equal_blocks() -> None:
    """Two equal blocks: taking out either leaves the same architecture, but not the same weights."""
    twins = replace(LARGE.stages[3], blocks=(*LARGE.stages[3].blocks[:3], LARGE.stages[3].blocks[2]))
    arch = replace(LARGE, stages=(*LARGE.stages[:3], twins, *LARGE.stages[4:]))
    assert edited(arch, DropBlock(3, 2)) == edited(arch, DropBlock(3, 3))
    assert block_origins(arch, DropBlock(3, 2)) != block_origins(arch, DropBlock(3, 3))
