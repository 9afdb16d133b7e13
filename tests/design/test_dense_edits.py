"""Edits of detectors and segmenters: each leaves a network whose head stands on maps of the same strides."""

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from nas.design.architecture import MIN_WIDTH, Architecture
from nas.design.channels import channel_groups
from nas.design.cost import params
from nas.design.dense.head import DenseHead, strides
from nas.design.dense.union import LrAspp, SsdLite
from nas.design.edits.edit import (
    CutDense,
    CutEnd,
    CutInner,
    Edit,
    Narrow,
    Together,
    apply,
    changed,
    cuts,
    describe_edit,
    edited,
    end_cuts,
    width_of,
)
from nas.design.edits.follow import followed
from nas.design.edits.keep import leaves
from nas.design.edits.resize import Resize, resolutions_below
from nas.design.edits.simplify import UseReluAtEnd, simpler
from nas.design.edits.split import SplitStages
from nas.design.edits.tail import ReduceTail, may_reduce, reduce_tail
from nas.design.graph import lower
from nas.design.known import known
from nas.design.shapes import Shape, input_shapes_of, output_shape
from nas.errors import InvalidArchitecture

DETECTOR, SEGMENTER = "ssdlite_mobilenet_v3_small-1-160", "lraspp_mobilenet_v3_large-1-192x256"
NAMES = (
    DETECTOR,
    SEGMENTER,
    "ssdlite_mobilenet_v2-0.5-96",
    "raspp_mobilenet_v2-0.5-96",
    "ssdlite_mobilenet_v1-0.5-96",
    "lraspp_mobilenet_v1-0.5-96",
    "ssdlite_shufflenet_v2-1-96",
    "lraspp_shufflenet_v2-1-96",
    "ssdlite_mobilenet_v4_conv_small-0.5-96",
    "raspp_mobilenet_v4_conv_small-0.5-96",
    "ssdlite_mnasnet_a1-0.5-96",
    "lraspp_squeezenet_1_1-0.5-96",
    "ssdlite_xception-0.25-96",
)


def head_of(arch: Architecture) -> DenseHead:
    assert isinstance(arch.dense, DenseHead)
    return arch.dense


def proposals(arch: Architecture) -> Iterator[Edit]:
    for cut in (*cuts(arch), *end_cuts(arch)):
        yield Narrow(cut, MIN_WIDTH)
    yield from (*simpler(arch), SplitStages())
    below = resolutions_below(arch.resolution)
    yield from (Resize(below[0]), Resize(below[-1]))


def check_shapes(arch: Architecture) -> None:
    graph = lower(arch)
    shapes = [Shape(3, arch.resolution)]
    for node in graph.nodes:
        assert tuple(shapes[index + 1] for index in node.inputs) == input_shapes_of(node.op), node.name
        shapes.append(output_shape(node.op))


def tap_strides(arch: Architecture) -> list[int]:
    nodes = lower(arch).nodes
    backbone = [node for node in nodes if not node.name.startswith("head")]
    found = strides(nodes)
    return [found[tap] for tap in (*head_of(arch).taps(backbone), len(backbone) - 1)]


@pytest.mark.parametrize("name", NAMES)
def test_every_edit_leaves_a_head_on_maps_of_the_same_strides(name: str) -> None:
    arch = known(name, 5)
    before = lower(arch)
    edits = list(proposals(arch))
    assert len({edit.name for edit in edits}) == len(edits) - 1  # two resolutions
    for edit in edits:
        child = edited(arch, edit)
        assert child != arch or isinstance(edit, SplitStages)
        assert msgspec.json.decode(msgspec.json.encode(child), type=Architecture) == child
        check_shapes(child)
        after = lower(child)
        assert [output.name for output in after.outputs] == [output.name for output in before.outputs]
        widths = [[output_shape(graph.nodes[o.node].op).width for o in graph.outputs] for graph in (before, after)]
        assert widths[0] == widths[1], "what predicts is not cut"
        assert tap_strides(child) == tap_strides(arch), edit
        assert params(after) < params(before) or not isinstance(edit, Narrow | ReduceTail)
        assert describe_edit(arch, edit)


@pytest.mark.parametrize("name", NAMES)
def test_anchors_follow_the_maps_through_every_edit(name: str) -> None:
    arch = known(name, 5)
    for edit in proposals(arch):
        graph = lower(edited(arch, edit))
        listed = [output_shape(graph.nodes[output.node].op).size for output in graph.outputs]
        if graph.task == "detection":
            assert listed == [(sum(m.rows * m.columns * len(m.sides) for m in graph.anchors), 1)] * 2
        else:
            assert listed == [graph.inputs[0].size]


@pytest.mark.parametrize("name", NAMES)
def test_every_cut_of_a_dense_network_narrows_whole_groups(name: str) -> None:
    arch = known(name, 5)
    wide = channel_groups(lower(arch))
    for cut in (*cuts(arch), *end_cuts(arch)):
        narrow = channel_groups(lower(apply(arch, cut, MIN_WIDTH)))
        pairs = [(old, new) for old, new in zip(wide, narrow, strict=True) if old.width != new.width]
        assert pairs
        for old, new in pairs:
            assert (old.producers, old.through, old.consumers) == (new.producers, new.through, new.consumers)
            assert new.width < old.width
            assert old.consumers, "what nobody reads are outputs"


def test_the_widths_of_heads_can_be_cut() -> None:
    extras = (CutDense(f"extra{number}") for number in range(4))
    assert end_cuts(known(DETECTOR)) == (CutEnd("stem"), CutEnd("head"), *extras)
    assert end_cuts(known(SEGMENTER)) == (CutEnd("head"), CutDense("inner"))
    detector = apply(known(DETECTOR), CutDense("extra2"), 64)
    assert head_of(detector) == SsdLite(extras=(512, 256, 64, 128))
    segmenter = apply(known(SEGMENTER), CutDense("inner"), 40)
    assert head_of(segmenter) == LrAspp(40)
    assert (width_of(detector, CutDense("extra2")), width_of(segmenter, CutDense("inner"))) == (64, 40)
    assert describe_edit(known(DETECTOR), Narrow(CutDense("extra2"), 64)) == "dense.extra2 256 to 64"
    with pytest.raises(InvalidArchitecture, match=r"dense\.inner = 40: a cut leaves 2 to 39"):
        apply(segmenter, CutDense("inner"), 40)


def test_a_cut_of_an_extra_map_narrows_the_layer_before_it_too() -> None:
    ops = {node.name: node.op for node in lower(apply(known(DETECTOR), CutDense("extra2"), 64)).nodes}
    assert output_shape(ops["head_extra2_reduce"]).width == 32
    assert output_shape(ops["head_extra2_project"]).width == 64


def test_a_tail_is_halved_in_one_edit_where_all_of_it_can_be_cut() -> None:
    assert ReduceTail() in simpler(known(DETECTOR))
    assert edited(known(DETECTOR, 5), ReduceTail()) == known(DETECTOR.replace("-1-", "_reduced-1-"), 5)
    assert edited(known(SEGMENTER, 5), ReduceTail()) == known(SEGMENTER.replace("-1-", "_reduced-1-"), 5)
    assert describe_edit(known(DETECTOR), ReduceTail()) == "tail halved"


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_large", "ssdlite_shufflenet_v2", "lraspp_squeezenet_1_1", "ssdlite_shufflenet_v1_g3"]
)
def test_there_is_no_tail_to_halve_in_a_classifier_nor_where_blocks_keep_their_widths(name: str) -> None:
    assert not may_reduce(known(name))


def test_halving_a_tail_again_and_again_comes_to_an_end() -> None:
    arch, halvings = known(DETECTOR), 0
    while may_reduce(arch):
        arch, halvings = reduce_tail(arch), halvings + 1
    assert {stage.width for stage in arch.stages[-1:]} == {arch.head.width} == {8}
    assert halvings == 7  # 576 to 8


def test_a_network_that_ends_at_stride_16_has_no_tail() -> None:
    arch = known("lraspp_mobilenet_v3_small")
    early = replace(arch, stages=arch.stages[:-1])
    assert reduce_tail(early) == early


def test_an_activation_that_no_layer_has_is_not_made_simpler() -> None:
    arch = known("lraspp_mobilenet_v3_small")
    assert UseReluAtEnd("head") in simpler(arch)
    assert UseReluAtEnd("head") not in simpler(replace(arch, head=replace(arch.head, width=None)))


@settings(max_examples=20)
@given(st.data())
def test_edits_of_other_ops_commute_with_halving_the_tail(data: st.DataObject) -> None:
    """As those that are made at once have to."""
    arch = known(DETECTOR, 5)
    cut = data.draw(st.sampled_from((*cuts(arch), *end_cuts(arch))))
    narrow = Narrow(cut, max(MIN_WIDTH, width_of(arch, cut) // 4))
    if not changed(arch, narrow) & changed(arch, ReduceTail()):
        assert edited(arch, Together((narrow, ReduceTail()))) == edited(arch, Together((ReduceTail(), narrow)))


def test_keeping_the_head_keeps_the_dense_head_and_all_that_it_reads_as_wide_as_it_is() -> None:
    arch = known(DETECTOR)
    stem, *ends = end_cuts(arch)
    assert leaves(arch, Narrow(stem, 8), ["head"])
    assert not any(leaves(arch, Narrow(cut, 8), ["head"]) for cut in ends)
    c4 = CutInner(4, 0)
    assert not leaves(arch, Narrow(c4, 8), ["head"]), "predictors of the first map read it"
    assert leaves(arch, Narrow(CutInner(4, 1), 8), ["head"])
    assert not leaves(arch, ReduceTail(), ["head"])
    assert leaves(arch, Resize(96), ["head"])
    assert leaves(arch, Narrow(CutDense("extra0"), 8), ["s4", "stem"])
    assert not leaves(arch, ReduceTail(), ["s4b2"])


def test_widths_of_a_head_are_followed_over_a_chain_of_edits() -> None:
    arch = known(SEGMENTER)
    edits = (Narrow(CutDense("inner"), 64), ReduceTail(), Narrow(CutDense("inner"), 32))
    chain: list[tuple[Architecture, Edit | None]] = [(arch, None)]
    for edit in edits:
        chain.append((edited(chain[-1][0], edit), edit))
    rows = dict(followed(chain))
    assert rows["dense.inner"] == [128, 64, 64, 32]
    assert rows["head.width"] == [960, 960, 480, 480]


def test_edits_of_heads_come_back_from_a_journal_as_they_were() -> None:
    edit = Together((Narrow(CutDense("extra0"), 64), ReduceTail()))
    assert edit.name == "dense.extra0+tail"
    assert msgspec.json.decode(msgspec.json.encode(edit), type=Edit) == edit
