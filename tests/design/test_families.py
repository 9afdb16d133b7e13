"""Blocks of every family: what holds for all of them, and what each refuses."""

import pickle
from typing import get_args

import msgspec
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from nas.design.alternatives import alternatives, assembled, contains
from nas.design.architecture import Architecture, Block, Head, InvertedResidual, Stage, Stem, digest
from nas.design.blocks.convolutional import Convolutional, Separable
from nas.design.blocks.fire import Fire
from nas.design.blocks.shuffle import ShuffleV1, ShuffleV2
from nas.design.blocks.universal import Universal
from nas.design.blocks.xception import SeparableStack
from nas.design.edits.edit import apply, cuts, describe_edit, edited, end_cuts, width_of
from nas.design.edits.simplify import numbered, simpler
from nas.design.files import decode
from nas.design.graph import lower
from nas.design.known import KNOWN_NAMES, known
from nas.design.op import Gate
from nas.design.shapes import Shape, input_shapes_of, output_shape
from nas.errors import InvalidArchitecture
from tests.design.strategies import ACTIVATIONS

FAMILIES = get_args(Block)
WIDTHS = st.integers(1, 12).map(lambda number: 4 * number)
KERNELS = st.sampled_from((1, 3, 5))


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    activation = draw(ACTIVATIONS)
    match draw(st.sampled_from(FAMILIES)).__name__:
        case "InvertedResidual":
            gate = draw(st.sampled_from(get_args(Gate)))
            squeezed = draw(st.none() | WIDTHS)
            expanded, se = draw(st.none() | WIDTHS), draw(st.booleans())
            return InvertedResidual(draw(KERNELS), expanded, se, activation, draw(st.booleans()), squeezed, gate)
        case "Universal":
            fused = draw(st.booleans())
            start = None if fused else draw(st.none() | KERNELS)
            middle = draw(KERNELS) if fused else draw(st.none() | KERNELS)
            return Universal(start, draw(WIDTHS), middle, activation, draw(st.booleans()), fused)
        case "Separable":
            return Separable(draw(KERNELS), activation)
        case "Convolutional":
            return Convolutional(draw(KERNELS), activation, draw(st.sampled_from((None, "none"))))
        case "ShuffleV1":
            return ShuffleV1(draw(st.sampled_from((1, 2, 4))), draw(WIDTHS), activation, draw(st.booleans()))
        case "ShuffleV2":
            return ShuffleV2(draw(WIDTHS), draw(KERNELS), activation)
        case "Fire":
            return Fire(draw(WIDTHS), draw(WIDTHS), activation, draw(st.booleans()))
        case _:
            inner = tuple(draw(st.lists(WIDTHS, max_size=3)))
            return SeparableStack(inner, activation, draw(st.booleans()), draw(st.booleans()), draw(st.booleans()))


def fitting(block: Block, into: int, out: int, stride: int) -> Block:
    """The block, or a plain one where it cannot stand: to draw again would filter most draws out."""
    return Separable(3, "relu") if block.refused(into, out, stride) else block


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    """Three stages of any blocks that may stand there."""
    stem = Stem(draw(WIDTHS), draw(ACTIVATIONS), draw(KERNELS), pool=draw(st.booleans()))
    stages, width = [], stem.width
    for _ in range(3):
        stride, out = draw(st.sampled_from((1, 2))), draw(st.just(width) | WIDTHS)
        first = fitting(draw(blocks()), width, out, stride)
        rest = [fitting(block, out, out, 1) for block in draw(st.lists(blocks(), max_size=2))]
        stages.append(Stage(out, stride, (first, *rest)))
        width = out
    hidden = draw(st.none() | WIDTHS)
    head = Head(draw(st.none() | WIDTHS), hidden, "relu", draw(st.sampled_from(("bias", "norm"))), draw(st.booleans()))
    arch = Architecture(64, stem, tuple(stages), head, 10)
    try:
        lower(arch)
    except InvalidArchitecture:  # nothing is left of a map: a test of its own
        reject()
    return arch


@given(architectures())
def test_every_input_has_the_shape_its_op_expects(arch: Architecture) -> None:
    shapes = [Shape(3, arch.resolution)]
    for node in lower(arch).nodes:
        assert tuple(shapes[index + 1] for index in node.inputs) == input_shapes_of(node.op), node
        shapes.append(output_shape(node.op))
    assert shapes[-1] == Shape(arch.classes, 1)


@given(architectures())
def test_json_comes_back_equal(arch: Architecture) -> None:
    assert decode(msgspec.json.encode(arch), Architecture, "a.json", InvalidArchitecture) == arch


@given(architectures())
def test_a_pickle_changes_no_name_and_no_document(arch: Architecture) -> None:
    """Defaults that are left out by identity would come back as objects of their own."""
    copy = pickle.loads(pickle.dumps(arch))  # noqa: S301  # our own
    assert digest(copy) == digest(arch)
    assert msgspec.json.encode(copy) == msgspec.json.encode(arch)


@given(architectures())
def test_what_is_simpler_is_a_network_and_is_told(arch: Architecture) -> None:
    for change in simpler(arch):
        after = edited(arch, change)
        assert after != arch
        assert lower(after).nodes[-1].op == lower(arch).nodes[-1].op or change.name == "head.activation"
        assert change.name in describe_edit(arch, change)


@given(architectures())
def test_every_cut_narrows_what_it_names(arch: Architecture) -> None:
    hidden = () if arch.head.convolutional else end_cuts(arch)
    for cut in (*cuts(arch), *hidden):
        after = apply(arch, cut, width_of(arch, cut) - 1)
        assert width_of(after, cut) == width_of(arch, cut) - 1
        assert after.params < arch.params


@given(architectures())
def test_alternatives_are_smaller_and_have_names_of_their_own(arch: Architecture) -> None:
    own = {f"s{s}b{b}": block for s, b, block in numbered(arch)}
    for group in alternatives(arch):
        assert len({one.name for one in group}) == len(group)
        for one in group:
            assert contains(own[one.place], one.instead)
            assert assembled(arch, [one]).params <= arch.params


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_every_block_has_a_row_and_a_description(name: str) -> None:
    for _, _, block in numbered(known(name)):
        assert block.row.operator
        assert block.description


@pytest.mark.parametrize(
    ("block", "into", "out", "stride", "says"),
    [
        (Universal(None, 16, None, "relu", residual=False), 8, 8, 2, "a stride needs a depthwise convolution"),
        (Universal(3, 16, 3, "relu", residual=True), 8, 16, 1, "the shortcut comes with width 8"),
        (Universal(3, 16, 3, "relu", residual=True), 8, 8, 2, "a shortcut needs stride 1"),
        (ShuffleV1(3, 12), 12, 24, 1, "the unit's sum comes with width 12"),
        (ShuffleV1(3, 12), 12, 12, 2, "the pooled input alone has 12"),
        (ShuffleV1(3, 10), 12, 24, 2, "groups = 3 do not divide inner 10"),
        (ShuffleV1(3, 12), 10, 22, 2, "groups = 3 do not divide input 10"),
        (ShuffleV2(8), 8, 15, 2, "needs an even width"),
        (ShuffleV2(8), 8, 16, 1, "the half that passes by comes of width 8"),
        (Fire(4, 16), 8, 17, 1, "2 channels at least are the 3x3's"),
        (Fire(4, 8, residual=True), 8, 16, 1, "the shortcut comes with width 8"),
        (SeparableStack(()), 8, 16, 1, "the shortcut comes with width 8"),
        (SeparableStack((), around=False), 8, 16, 2, "the stride is in the way around"),
    ],
)
def test_a_block_says_where_it_cannot_stand(block: Block, into: int, out: int, stride: int, says: str) -> None:
    assert says in block.refused(into, out, stride)


def test_a_fused_form_without_a_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="the fused form has a kernel inside"):
        Universal(None, 16, None, "relu", residual=False, fused=True)


def test_an_architecture_names_the_block_that_cannot_stand() -> None:
    stages = (Stage(16, 2, (ShuffleV2(8),)), Stage(24, 1, (ShuffleV2(12),)))
    with pytest.raises(ValueError, match=r"stages\[1\]\.blocks\[0\]: width = 24 at stride 1"):
        Architecture(32, Stem(8, "relu"), stages, Head(16, None, "relu"), 10)
