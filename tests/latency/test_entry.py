from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.design.cost import macs, op_macs
from nas.design.graph import Graph, lower
from nas.design.known import KNOWN_NAMES, known
from nas.design.op import (
    Activate,
    Activation,
    Add,
    Affine,
    AnchorList,
    Concat,
    Conv,
    ConvPadding,
    Gate,
    GlobalPool,
    Linear,
    Multiply,
    Op,
    Pool,
    PoolPadding,
    Shuffle,
    Sigmoid,
    Slice,
    SqueezeExcite,
    Upsample,
)
from nas.design.shapes import Shape, input_shapes_of
from nas.design.walk import Node
from nas.errors import InvalidTable
from nas.latency.prediction.entry import Entry, entries, parse_key
from tests.design.strategies import sizes as sizes_between

GOLDEN = Path(__file__).parent / "golden"

widths, sizes = st.integers(1, 8192), sizes_between(1, 512)
activations: st.SearchStrategy[Activation | None] = st.sampled_from([None, *get_args(Activation)])


@st.composite
def convs(draw: st.DrawFn) -> Conv:
    groups = draw(st.integers(1, 64))
    into, out = groups * draw(st.integers(1, 64)), groups * draw(st.integers(1, 64))
    kernel, stride = draw(st.sampled_from([1, 3, 5, 7])), draw(st.integers(1, 2))
    padding, affine = draw(st.sampled_from(get_args(ConvPadding))), draw(st.sampled_from(get_args(Affine)))
    dilation = draw(st.integers(1, 4))
    size = draw(sizes_between((kernel - 1) * dilation + 1, 512)) if padding == "none" else draw(sizes)
    return Conv(into, out, kernel, stride, groups, size, draw(activations), padding, affine, dilation)


@st.composite
def slices(draw: st.DrawFn) -> Slice:
    into = draw(st.integers(2, 64))
    first = draw(st.integers(0, into - 1))
    return Slice(into, first, draw(st.integers(1, into - first)), draw(sizes))


@st.composite
def shuffles(draw: st.DrawFn) -> Shuffle:
    groups = draw(st.integers(1, 8))
    return Shuffle(groups * draw(widths), groups, draw(sizes))


@st.composite
def anchor_lists(draw: st.DrawFn) -> AnchorList:
    columns, sides = draw(st.integers(1, 91)), draw(st.lists(sizes, min_size=1, max_size=6))
    return AnchorList(columns, tuple(columns * draw(st.integers(1, 6)) for _ in sides), tuple(sides))


@st.composite
def products(draw: st.DrawFn) -> Multiply:
    size = draw(sizes)
    return Multiply(draw(widths), size, draw(st.sampled_from((size, 1))))


STRATEGIES: dict[type, st.SearchStrategy[Op]] = {
    Conv: convs(),
    SqueezeExcite: st.builds(SqueezeExcite, widths, widths, sizes, st.sampled_from(get_args(Gate))),
    Add: st.builds(Add, widths, sizes),
    Activate: st.builds(Activate, widths, sizes, st.sampled_from(get_args(Activation))),
    Pool: st.builds(
        Pool,
        st.sampled_from(("max", "average")),
        widths,
        sizes_between(1, 3),
        sizes_between(1, 3),
        sizes_between(3, 512),
        st.sampled_from(get_args(PoolPadding)),
    ),
    GlobalPool: st.builds(GlobalPool, widths, sizes),
    Concat: st.builds(Concat, st.lists(widths, min_size=2, max_size=4).map(tuple), sizes),
    Slice: slices(),
    Shuffle: shuffles(),
    Upsample: st.builds(Upsample, widths, sizes, sizes),
    Sigmoid: st.builds(Sigmoid, widths, sizes),
    Multiply: products(),
    AnchorList: anchor_lists(),
    Linear: st.builds(Linear, widths, widths, activations, st.sampled_from(("bias", "norm"))),
}
ops = st.one_of(*(STRATEGIES[kind] for kind in get_args(Op)))


def test_keys_of_mobilenet_v3_small() -> None:
    found = [f"{entry.name:<16} {entry.key}" for entry in entries(lower(known("mobilenet_v3_small")))]
    assert found == (GOLDEN / "mobilenet_v3_small.keys.txt").read_text().splitlines()


@given(ops)
def test_a_key_parses_back_to_its_entry(op: Op) -> None:
    assert parse_key(Entry("anything", (op,)).key).ops == (op,)


@given(convs())
def test_a_fused_key_parses_back_to_both_ops(conv: Conv) -> None:
    fused = (conv, Add(conv.out_width, conv.out_size))
    assert parse_key(Entry("anything", fused).key).ops == fused


@given(ops)
def test_equal_keys_are_equal_ops_whatever_the_name(op: Op) -> None:
    assert Entry("a", (op,)).key == Entry("b", (op,)).key


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_every_op_belongs_to_exactly_one_entry(name: str) -> None:
    graph = lower(known(name))
    assert [op for entry in entries(graph) for op in entry.ops] == [node.op for node in graph.nodes]
    assert sum(op_macs(op) for entry in entries(graph) for op in entry.ops) == macs(graph)


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_an_entry_as_graph_is_the_same_entry_with_the_inputs_its_ops_take(name: str) -> None:
    for entry in entries(lower(known(name))):
        graph = entry.as_graph()
        (again,) = entries(graph)
        assert again.key == entry.key
        shortcut = any(isinstance(op, Add) for op in entry.ops[1:])
        assert len(graph.inputs) == len(input_shapes_of(entry.ops[0])) + shortcut


def test_the_inputs_of_a_fused_sum_are_the_input_and_the_shortcut() -> None:
    entry = parse_key("conv 72>24 k1 s1 g1 56 linear +add")
    assert entry.as_graph().inputs == (Shape(72, 56), Shape(24, 56))


def test_a_sum_that_takes_the_convolution_second_is_not_fused() -> None:
    conv, add = Conv(8, 8, 1, 1, 1, 4, None), Add(8, 4)
    graph = Graph((Shape(8, 4),), (Node("a", conv, (-1,)), Node("b", add, (-1, 0))))
    assert [entry.key for entry in entries(graph)] == ["conv 8>8 k1 s1 g1 4 linear", "add 8 4"]


def test_a_convolution_that_others_read_too_is_not_fused() -> None:
    conv, add = Conv(8, 8, 1, 1, 1, 4, None), Add(8, 4)
    graph = Graph((Shape(8, 4),), (Node("a", conv, (-1,)), Node("b", add, (0, -1)), Node("c", add, (1, 0))))
    assert [entry.name for entry in entries(graph)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text",
    ["", "conv", "slice 8>8 at1 7", "shuffle 8 g3 7", "max 8 k3 s0 7", "max 8 k3 s2 1 none", "act 8 7 linear",
     "concat 8 7", "conv 8>8 k1 s1 g1 4", "conv 8>8 k1 s1 g3 4 relu", "conv 8>8 k1 s0 g1 4 relu +add", "se 8>8",
     "se 08>8 4", "pool 0 7", "linear 8>8", "linear 8>8 gelu", "pool 960 7 +add", "pool 960 7\n",
     "conv 8>8 k3 s1 g1 d0 7 relu", "conv 8>8 k3 s1 g1 d1 7 relu", "average 8 k3 s0x2 7", "average 8 k0x3 s1 7 none",
     "upsample 8 7", "multiply 8 7 by 3", "anchors 4 6@7", "anchors 4 8@0x7"],
)  # fmt: skip
def test_what_is_no_key_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidTable, match="is no key of a table entry"):
        parse_key(text)
