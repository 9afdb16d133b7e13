"""The found network as Table 1 of MobileNetV3 (Howard et al. 2019), beside V3-Large in the same columns."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import assert_never

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.design.graph import Graph, Node, lower
from nas.design.known import known
from nas.design.op import Activation, Conv
from nas.report.html.markup import Markup, cell, heads, row, table

COLUMNS = ("Input", "Operator", "exp size", "#out", "SE", "NL", "s")
_BLANK = ("",) * len(COLUMNS)


class Line(Struct, frozen=True):
    """A row of the table: the name its ops share in the plan, its stage (None: stem or head), its seven cells."""

    name: str
    stage: int | None
    cells: tuple[str, ...]


def network_table(found: Architecture) -> Markup:
    """Both networks side by side, aligned by stage; cells that differ from V3-Large have the class `differs`."""
    reference = known(f"mobilenet_v3_large-1.0-{found.resolution}", found.classes)
    groups = '<tr><th></th><th colspan="7">This network</th><th colspan="7" class="other">MobileNetV3-Large</th></tr>'
    pairs = _aligned(lines(found), lines(reference))
    return table(groups + heads(("", *COLUMNS, *COLUMNS)), [_row(*pair) for pair in pairs], "network")


def lines(arch: Architecture) -> list[Line]:
    """The rows of one network, read off its plan."""
    graph = lower(arch)
    nodes = {node.name: node for node in graph.nodes}
    blocks = [
        _block_line(graph, nodes, s, b) for s, stage in enumerate(arch.stages) for b, _ in enumerate(stage.blocks)
    ]
    return [_conv_line(nodes["stem"]), *blocks, *_head_lines(arch, nodes)]


def _block_line(graph: Graph, nodes: dict[str, Node], stage: int, number: int) -> Line:
    name = f"s{stage}b{number}"
    depthwise, project = nodes[f"{name}_depthwise"].op, nodes[f"{name}_project"].op
    first = nodes.get(f"{name}_expand", nodes[f"{name}_depthwise"]).op
    assert isinstance(depthwise, Conv)
    assert isinstance(project, Conv)
    assert isinstance(first, Conv)
    cells = (
        _input(first.size, first.in_width),
        f"bneck, {depthwise.kernel}×{depthwise.kernel}",
        str(depthwise.in_width),
        str(project.out_width),
        "✓" if f"{name}_se" in nodes else "-",
        short_name(depthwise.activation),
        str(depthwise.stride),
    )
    return Line(name, stage, cells)


def _conv_line(node: Node) -> Line:
    op = node.op
    assert isinstance(op, Conv)
    operator = f"conv2d, {op.kernel}×{op.kernel}"
    cells = (
        _input(op.size, op.in_width),
        operator,
        "-",
        str(op.out_width),
        "-",
        short_name(op.activation),
        str(op.stride),
    )
    return Line(node.name, None, cells)


def _head_lines(arch: Architecture, nodes: dict[str, Node]) -> list[Line]:
    last = nodes["head_conv"].op
    assert isinstance(last, Conv)
    pool = (_input(last.out_size, last.out_width), f"pool, {last.out_size}×{last.out_size}", *"----1")
    dense: list[tuple[str, int, int, str]] = []
    width = last.out_width
    if arch.head.hidden is not None:
        dense.append(("head_hidden", width, arch.head.hidden, short_name(arch.head.activation)))
        width = arch.head.hidden
    dense.append(("head_classifier", width, arch.classes, "-"))
    return [
        _conv_line(nodes["head_conv"]),
        Line("head_pool", None, pool),
        *(
            Line(name, None, (_input(1, into), "conv2d 1×1, NBN", "-", str(out), "-", activation, "1"))
            for name, into, out, activation in dense
        ),
    ]


def _input(size: int, width: int) -> str:
    return f"{size}² × {width}"


def _aligned(found: Sequence[Line], reference: Sequence[Line]) -> list[tuple[Line | None, Line | None]]:
    """Rows of the same stage beside each other; stem, stages in order, head (whose rows go by name)."""
    stages = sorted({line.stage for line in (*found, *reference) if line.stage is not None})
    pairs: list[tuple[Line | None, Line | None]] = [(found[0], reference[0])]
    for stage in stages:
        ours = [line for line in found if line.stage == stage]
        theirs = [line for line in reference if line.stage == stage]
        pairs.extend(zip_longest(ours, theirs))
    for name in ("head_conv", "head_pool", "head_hidden", "head_classifier"):
        pairs.append((_named(found, name), _named(reference, name)))
    return [pair for pair in pairs if pair != (None, None)]


def _named(side: Sequence[Line], name: str) -> Line | None:
    return next((line for line in side if line.name == name), None)


def _row(found: Line | None, reference: Line | None) -> Markup:
    left = found.cells if found else _BLANK
    right = reference.cells if reference else _BLANK
    marks = ["differs" if a != b else "" for a, b in zip(left, right, strict=True)]
    name = found.name if found else reference.name if reference else ""
    return row(
        [
            cell(name.partition("_")[0], "name"),
            *(cell(text, mark) for text, mark in zip(left, marks, strict=True)),
            cell(right[0], "other"),
            *(cell(text) for text in right[1:]),
        ]
    )


def short_name(activation: Activation | None) -> str:
    """An activation as Table 1 of MobileNetV3 spells it."""
    match activation:
        case None:
            return "-"
        case "relu":
            return "RE"
        case "relu6":
            return "R6"
        case "hswish":
            return "HS"
        case "silu":
            return "SI"
        case _:
            assert_never(activation)
