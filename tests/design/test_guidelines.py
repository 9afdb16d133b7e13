"""The networks of guidelines: equal multiply-adds where they are claimed to be, and one difference each."""

import pytest

from nas.design.cost import macs
from nas.design.graph import Graph, lower
from nas.design.guidelines.catalogue import GUIDELINE_NAMES, make_guidelines
from nas.design.guidelines.guideline import Guideline
from nas.design.known import known
from nas.design.op import Add, Concat, Conv, SqueezeExcite
from nas.errors import NasError

GUIDELINES = {one.name: one for one in make_guidelines()}
TOLERANCE = 0.026
LARGE = 216_589_760  # published for V3-Large, see tests/design/test_known.py


def counts(name: str) -> list[int]:
    return [macs(variant.graph) for variant in GUIDELINES[name].variants]


def shares(name: str) -> list[float]:
    first, *others = counts(name)
    return [other / first - 1 for other in others]


def convs(graph: Graph) -> list[Conv]:
    return [node.op for node in graph.nodes if isinstance(node.op, Conv) and node.name != "enter"]


@pytest.mark.parametrize("name", ["equal-widths", "groups", "fragmentation", "kernel-at-equal-macs"])
def test_multiply_adds_of_a_guideline_are_equal_within_the_tolerance_and_divided_out(name: str) -> None:
    assert GUIDELINES[name].per_mac
    assert max(abs(share) for share in shares(name)) <= TOLERANCE


@pytest.mark.parametrize("name", ["element-wise", "h-swish"])
def test_multiply_adds_of_a_guideline_are_equal(name: str) -> None:
    assert shares(name) == [0.0] * 3


def test_equal_widths_are_products_of_two_widths_on_a_grid_of_16() -> None:
    widths = [(224, 224), (160, 320), (96, 528), (64, 784)]
    # Four blocks of two convolutions on 28 x 28 pixels, and the one behind the image.
    assert counts("equal-widths") == [28 * 28 * (8 * one * other + 3 * one) for one, other in widths]
    assert all(width % 16 == 0 for pair in widths for width in pair)


def test_groups_share_out_the_channels() -> None:
    expected = {1: 112, 2: 160, 4: 224, 8: 320}
    assert counts("groups") == [28 * 28 * (10 * c * c // g + 3 * c) for g, c in expected.items()]
    for (group, width), variant in zip(expected.items(), GUIDELINES["groups"].variants, strict=True):
        assert {(op.groups, op.in_width, op.out_width) for op in convs(variant.graph)} == {(group, width, width)}


def test_fragments_are_as_many_convolutions_in_series_or_in_parallel() -> None:
    graphs = [variant.graph for variant in GUIDELINES["fragmentation"].variants]
    assert [len(convs(graph)) for graph in graphs] == [10, 20, 40, 20, 40]
    assert [sum(isinstance(node.op, Concat) for node in graph.nodes) for graph in graphs] == [0, 0, 0, 10, 10]
    assert counts("fragmentation")[3:] == [counts("fragmentation")[0]] * 2


def test_element_wise_variants_have_no_sums_or_no_activations() -> None:
    graphs = [variant.graph for variant in GUIDELINES["element-wise"].variants]
    assert [sum(isinstance(node.op, Add) for node in graph.nodes) for graph in graphs] == [6, 0, 6, 0]
    assert [any(op.activation for op in convs(graph)) for graph in graphs] == [True, True, False, False]


def test_hswish_begins_where_the_label_says_and_the_first_network_is_the_published_one() -> None:
    first, *others = (variant.graph for variant in GUIDELINES["h-swish"].variants)
    assert first == lower(known("mobilenet_v3_large"))
    # An expansion and a depthwise filter a block, except the first; stem and last convolution.
    curved = [sum(op.activation == "hswish" for op in convs(graph)) for graph in (first, *others)]
    assert curved == [2 + 2 * 9, 0, 2 + 2 * 15 - 1, 2 + 2 * 5]


def test_edits_change_multiply_adds_by_what_the_paper_says() -> None:
    """By about 30 M and 10 M; these are exact, of 7 x 7 and 112 x 112 pixels."""
    assert counts("last-stage") == [LARGE, LARGE + 49 * (9 * 960 + 960 * 320 + 320 * 1280) - 960 * 1280]
    extra = 112 * 112 * 16 * (27 + 9 + 16)
    assert counts("stem") == [LARGE, LARGE + extra, LARGE + extra, LARGE]


def test_squeeze_excite_is_in_no_in_eight_and_in_all_blocks() -> None:
    found = [
        [node.op.inner for node in variant.graph.nodes if isinstance(node.op, SqueezeExcite)]
        for variant in GUIDELINES["squeeze-excite"].variants
    ]
    assert [len(inner) for inner in found] == [0, 8, 8, 15]
    assert found[1] == [6, 10, 10, 20, 28, 28, 40, 40]
    assert found[2] == [24, 32, 32, 120, 168, 168, 240, 240]


def test_kernels_differ_alone_or_with_the_width_that_makes_multiply_adds_equal() -> None:
    def per_pixel(kernel: int, width: int) -> int:
        return 3 * 80 + 6 * width * (2 * 80 + kernel**2)

    assert counts("kernel-size") == [196 * per_pixel(kernel, 400) for kernel in (3, 5, 7)]
    assert counts("kernel-at-equal-macs") == [196 * per_pixel(k, w) for k, w in ((3, 400), (5, 368), (7, 320))]


def test_widths_of_the_grid_are_powers_of_two_above_a_multiple_of_64() -> None:
    widths = [variant.width for variant in GUIDELINES["width-grid"].variants]
    assert widths == [64, 65, 66, 68, 72, 80, 96]
    assert counts("width-grid") == [784 * (3 * 64 + 6 * width * (2 * 64 + 9)) for width in widths if width]


@pytest.mark.parametrize("guideline", GUIDELINES.values(), ids=GUIDELINES)
def test_a_guideline_claims_something_of_others_and_nothing_of_the_first(guideline: Guideline) -> None:
    first, *others = guideline.variants
    assert (first.claim, first.paper) == (None, ())
    assert any(variant.claim for variant in others)
    assert len({variant.label for variant in guideline.variants}) == len(guideline.variants)


def test_ratios_of_the_papers_are_of_their_tables() -> None:
    """Worked out by hand from single cells: G1's 1:12 at x4, G4's row without both, Table 5's h-swish from 16."""
    unequal, neither = GUIDELINES["equal-widths"].variants[3].paper, GUIDELINES["element-wise"].variants[3].paper
    assert unequal[0].ratios[2] == pytest.approx(5.3 / 4.4)
    assert unequal[1].ratios[0] == pytest.approx(1480 / 748)
    assert neither[0].ratios == pytest.approx((56.7 / 66.3, 16.9 / 20.2, 5.0 / 5.4))
    early = GUIDELINES["h-swish"].variants[2].paper
    assert [one.where for one in early] == ["v5 optimised", "v5 naive", "v1"]
    assert [one.ratios[0] for one in early] == pytest.approx([53.5 / 51.4, 68.9 / 57.5, 78 / 66])


def test_make_guidelines_refuses_an_unknown_name_with_the_nearest() -> None:
    with pytest.raises(
        NasError, match=r"--only group: is no guideline\. Did you mean groups\? There are equal-widths, "
    ):
        make_guidelines(["group"])


def test_make_guidelines_makes_every_name_and_the_same_graphs_each_time() -> None:
    assert tuple(GUIDELINES) == GUIDELINE_NAMES
    assert list(GUIDELINES.values()) == make_guidelines()
