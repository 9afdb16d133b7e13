"""The one walk, and the counts folded over it."""

from pathlib import Path

import pytest
from hypothesis import given
from msgspec.structs import fields

from nas.design.architecture import Architecture
from nas.design.cost import macs, op_macs, op_params, params
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.op import Add, Conv, GlobalPool, Linear, Op, SqueezeExcite, divisible, squeeze_width
from nas.design.shapes import Shape, input_shapes_of, output_shape
from tests.design.strategies import architectures

GOLDEN = Path(__file__).parent / "golden"


def listing(graph: Graph) -> str:
    """One op a line, for people to read in a diff; what is usual is not said."""
    lines = (f"{node.name} {_said(node.op)} <- {','.join(map(str, node.inputs))}\n" for node in graph.nodes)
    return "".join(lines)


def _said(op: Op) -> str:
    """An op with all that is not its default."""
    usual = {field.name: field.default for field in fields(op)}
    said = {name: getattr(op, name) for name in op.__struct_fields__ if getattr(op, name) != usual[name]}
    return f"{type(op).__name__}({', '.join(f'{name}={value!r}' for name, value in said.items())})"


@pytest.mark.parametrize("name", [path.name.removesuffix(".ops.txt") for path in sorted(GOLDEN.glob("*.ops.txt"))])
def test_graphs_are_the_golden_ones(name: str) -> None:
    assert listing(lower(known(name))) == (GOLDEN / f"{name}.ops.txt").read_text()


def test_counts_in_closed_form() -> None:
    conv = Conv(16, 64, 3, 2, 1, 56, "relu")
    assert op_params(conv) == 3 * 3 * 16 * 64 + 64 + 64
    assert op_macs(conv) == 3 * 3 * 16 * 64 * 28 * 28
    depthwise = Conv(64, 64, 5, 1, 64, 7, None)
    assert op_params(depthwise) == 5 * 5 * 64 + 128
    assert op_macs(depthwise) == 5 * 5 * 64 * 49
    assert op_params(SqueezeExcite(72, 24, 28)) == (72 * 24 + 24) + (24 * 72 + 72)
    assert op_macs(SqueezeExcite(72, 24, 28)) == 2 * 72 * 24
    assert (op_params(Linear(960, 1280, "hswish")), op_macs(Linear(960, 1280, None))) == (960 * 1280 + 1280, 960 * 1280)
    assert op_params(Add(8, 8)) == op_macs(GlobalPool(8, 8)) == 0


def test_odd_sizes_round_up() -> None:
    assert Conv(8, 8, 3, 2, 1, 7, None).out_size == 4


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 8), (11, 16), (8.8, 8), (12, 16), (18, 24), (16.0, 16), (100, 104), (22.4, 24)]
)
def test_divisible_never_loses_more_than_a_tenth(value: float, expected: int) -> None:
    assert divisible(value) == expected
    assert expected >= 0.9 * value


def test_squeeze_widths_are_torchvisions() -> None:
    assert [squeeze_width(width) for width in (16, 72, 120, 480, 672, 960)] == [8, 24, 32, 120, 168, 240]


@given(architectures())
def test_every_input_has_the_shape_its_op_expects(arch: Architecture) -> None:
    graph = lower(arch)
    shapes = [Shape(3, arch.resolution)]  # of the image, then of every node's output
    for node in graph.nodes:
        assert tuple(shapes[index + 1] for index in node.inputs) == input_shapes_of(node.op), node
        shapes.append(output_shape(node.op))
    assert shapes[-1] == Shape(arch.classes, 1)


@given(architectures())
def test_totals_are_sums(arch: Architecture) -> None:
    graph = lower(arch)
    assert params(graph) == sum(op_params(node.op) for node in graph.nodes)
    assert macs(graph) > 0
