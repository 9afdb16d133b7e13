"""The found network as Table 1 of MobileNetV3 (Howard et al. 2019), beside V3-Large in the same columns."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import assert_never

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.design.blocks.family import BlockRow
from nas.design.edits.simplify import numbered
from nas.design.graph import lower
from nas.design.known import known
from nas.design.op import Activation, Conv, GlobalPool, Linear, Pool
from nas.design.published.dense import name_with_head
from nas.design.shapes import input_shape, output_shape
from nas.design.size import Size, describe_size, height_width, shorter_side
from nas.design.walk import Node
from nas.report.html.markup import Markup, cell, heads, row, table

COLUMNS = ("Input", "Operator", "exp size", "#out", "SE", "NL", "s")
_BLANK = ("",) * len(COLUMNS)
_CLASSIFIER = ("head_conv", "head_pool", "head_hidden", "head_classifier")


class Line(Struct, frozen=True):
    """A row of the table: the name its ops share in the plan, its stage (None: stem or head), its seven cells."""

    name: str
    stage: int | None
    cells: tuple[str, ...]


def network_table(found: Architecture) -> Markup:
    """Both networks side by side, aligned by stage; cells that differ from V3-Large have the class `differs`."""
    name = name_with_head("mobilenet_v3_large", found)
    reference = known(f"{name}-1.0-{describe_size(found.resolution)}", found.classes)
    groups = '<tr><th></th><th colspan="7">This network</th><th colspan="7" class="other">MobileNetV3-Large</th></tr>'
    pairs = _aligned(lines(found), lines(reference))
    return table(groups + heads(("", *COLUMNS, *COLUMNS)), [_row(*pair) for pair in pairs], "network")


def lines(arch: Architecture) -> list[Line]:
    """The rows of one network, read off its graph."""
    nodes = lower(arch).nodes
    blocks = [_block_line(nodes, s, b, block.row) for s, b, block in numbered(arch)]
    stem, head = ([_node_line(node) for node in nodes if node.name.startswith(end)] for end in ("stem", "head"))
    return [*stem, *blocks, *head]


def _block_line(nodes: Sequence[Node], stage: int, number: int, block: BlockRow) -> Line:
    name = f"s{stage}b{number}"
    own = [node for node in nodes if node.name.partition("_")[0] == name]
    taken, left = input_shape(own[0].op), output_shape(own[-1].op)
    cells = (
        _input(taken.size, taken.width),
        block.operator,
        str(taken.width) if block.inner == "input" else str(block.inner or "-"),
        str(left.width),
        "✓" if block.se else "-",
        short_name(block.activation),
        str(-(-shorter_side(taken.size) // shorter_side(left.size))),
    )
    return Line(name, stage, cells)


def _node_line(node: Node) -> Line:
    taken, left = input_shape(node.op), output_shape(node.op)
    operator, out, activation, stride = "", str(left.width), "-", "1"
    match node.op:
        case Conv() as op:
            operator, activation, stride = f"conv2d, {op.kernel}×{op.kernel}", short_name(op.activation), str(op.stride)
        case Pool() as op:
            operator, stride = f"{op.kind} pool, {op.kernel}×{op.kernel}", str(op.stride)
        case GlobalPool() as op:
            operator, out = f"pool, {'×'.join(map(str, height_width(op.size)))}", "-"
        case Linear() as op:
            operator = "conv2d 1×1, NBN" if op.affine == "bias" else "conv2d 1×1"
            activation = short_name(op.activation)
        case _:
            operator = type(node.op).__name__.lower()
    return Line(node.name, None, (_input(taken.size, taken.width), operator, "-", out, "-", activation, stride))


def _input(size: Size, width: int) -> str:
    return f"{size}² × {width}" if isinstance(size, int) else f"{size[0]}×{size[1]} × {width}"


def _aligned(found: Sequence[Line], reference: Sequence[Line]) -> list[tuple[Line | None, Line | None]]:
    """Rows of the same stage beside each other; stem, stages in order, head. Rows of the ends go by name."""
    stages = sorted({line.stage for line in (*found, *reference) if line.stage is not None})
    pairs = _by_name(found, reference, ("stem", "stem_pool"))
    for stage in stages:
        ours = [line for line in found if line.stage == stage]
        theirs = [line for line in reference if line.stage == stage]
        pairs.extend(zip_longest(ours, theirs))
    ends = [line.name for line in (*found, *reference) if line.name.startswith("head")]
    usual = [name for name in _CLASSIFIER if name in ends]
    return pairs + _by_name(found, reference, list(dict.fromkeys([*usual, *ends])))


def _by_name(
    found: Sequence[Line], reference: Sequence[Line], names: Sequence[str]
) -> list[tuple[Line | None, Line | None]]:
    pairs = [(_named(found, name), _named(reference, name)) for name in names]
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
            cell(_title(name), "name"),
            *(cell(text, mark) for text, mark in zip(left, marks, strict=True)),
            cell(right[0], "other"),
            *(cell(text) for text in right[1:]),
        ]
    )


def _title(name: str) -> str:
    """What a row is called: its block, or of a dense head its part.

    >>> _title("s0b1_expand"), _title("head_conv"), _title("head_extra0_reduce")
    ('s0b1', 'head', 'extra0 reduce')
    """
    usual = name in _CLASSIFIER or not name.startswith("head_")
    return name.partition("_")[0] if usual else name.removeprefix("head_").replace("_", " ")


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
