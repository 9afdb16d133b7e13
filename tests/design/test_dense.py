"""Networks with heads for detection and segmentation: counts, taps, output strides, files and names."""

from typing import Literal

import msgspec
import pytest
from msgspec.structs import replace

from nas.design.architecture import Architecture, digest
from nas.design.cost import macs, params
from nas.design.dense.head import find_before, find_first_block, strides
from nas.design.dense.union import Dense, LrAspp, RAspp, SsdLite
from nas.design.edits.tail import reduce_tail
from nas.design.files import decode
from nas.design.graph import Graph, dilations, lower
from nas.design.known import DENSE_NAMES, KNOWN_NAMES, known
from nas.design.op import Conv, Pool
from nas.design.published.dense import HEADS
from nas.design.shapes import Shape, input_shapes_of, output_shape
from nas.errors import InvalidArchitecture
from nas.latency.prediction.entry import entries, parse_key

CITYSCAPES = "-1-1024x2048"


def paper(inner: int = 128, stride: Literal[16, 32] = 16) -> LrAspp:
    """LR-ASPP with the paper's windows."""
    return LrAspp(inner, stride, window=49, step=(16, 20))


def counts(arch: Architecture) -> tuple[int, int]:
    return params(lower(arch)), macs(lower(arch))


def with_dense(name: str, dense: Dense, classes: int = 19) -> Architecture:
    return replace(known(name, classes), dense=dense)


def test_counts_of_torchvisions_networks() -> None:
    """Its own parameters, and the multiply-adds of its convolutions counted by hooks."""
    assert counts(known("ssdlite320_mobilenet_v3_large")) == (3_440_060, 583_171_904)
    assert counts(known("lraspp_mobilenet_v3_large")) == (3_221_538, 2_086_219_688)


def test_torchvisions_detector_has_3234_anchors_of_91_classes() -> None:
    arch = known("ssdlite320_mobilenet_v3_large")
    assert (arch.classes, arch.resolution, arch.mean, arch.std) == (91, 320, (0.5,) * 3, (0.5,) * 3)
    assert shapes_of(lower(arch)) == {"scores": Shape(91, (3234, 1)), "boxes": Shape(4, (3234, 1))}


@pytest.mark.parametrize(
    ("name", "dense", "expected"),
    [
        ("raspp_mobilenet_v3_large", RAspp(256), 3_600_963),
        ("lraspp_mobilenet_v3_large_reduced", paper(256), 1_872_446),
        ("lraspp_mobilenet_v3_large_reduced", paper(128), 1_746_878),
        ("lraspp_mobilenet_v3_small_reduced", paper(128), 515_614),
        ("raspp_mobilenet_v2", RAspp(256), 2_113_043),
        ("raspp_mobilenet_v2_reduced", RAspp(256), 1_159_123),
        ("lraspp_mobilenet_v2_reduced", paper(256), 1_027_654),
        ("lraspp_mobilenet_v2_reduced", paper(128), 984_006),
    ],
)  # fmt: skip
def test_parameters_of_the_papers_segmenters(name: str, dense: Dense, expected: int) -> None:
    """Table 7 of V3, rows 5 and 1 to 4 to the printed digit; rows 7, 8 and 11 with torchvision's reduced tail."""
    assert params(lower(with_dense(name + CITYSCAPES, dense))) == expected


@pytest.mark.parametrize(
    ("name", "stride", "expected"),
    [("large", 16, 9.92e9), ("large", 32, 7.78e9), ("small", 16, 2.83e9), ("small", 32, 1.96e9)],
)
def test_multiply_adds_of_the_papers_segmenters(name: str, stride: int, expected: float) -> None:
    """Table 8 of V3 has 9.74, 7.74, 2.90 and 2.06 thousand million: within 5 %."""
    dense = paper(stride=16 if stride == 16 else 32)
    found = macs(lower(with_dense(f"lraspp_mobilenet_v3_{name}_reduced{CITYSCAPES}", dense)))
    assert found == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("mobilenet_v3_large", 4.97e6, 0.62e9),
        ("mobilenet_v3_large_reduced", 3.22e6, 0.51e9),
        ("mobilenet_v3_small", 2.49e6, 0.21e9),
        ("mobilenet_v3_small_reduced", 1.77e6, 0.16e9),
    ],
)
def test_the_papers_detectors_have_three_anchors_on_the_first_map(name: str, params: float, macs: float) -> None:
    """Table 6 of V3: parameters within 1 %, multiply-adds within 2 %."""
    found = counts(with_dense(f"ssdlite_{name}", SsdLite(reduced_first=True), classes=91))
    assert found[0] == pytest.approx(params, rel=0.012)
    assert found[1] == pytest.approx(macs, rel=0.02)


@pytest.mark.parametrize(("name", "before", "fine", "wide"), [
    ("mobilenet_v3_large", "s5b0_expand", "s2b0", 672),
    ("mobilenet_v3_small", "s4b0_expand", "s1b0", 288),
    ("mobilenet_v2", "s5b0_expand", "s2b0", 576),
    ("mobilenet_v1", "s3b5_pointwise", "s2b0", 512),
])  # fmt: skip
def test_taps_lie_where_the_papers_have_them(name: str, before: str, fine: str, wide: int) -> None:
    nodes = lower(known(name)).nodes
    found = nodes[find_before(nodes, 32)]
    assert (found.name, output_shape(found.op)) == (before, Shape(wide, 14))
    assert nodes[find_first_block(nodes, 8)].name.partition("_")[0] == fine
    assert output_shape(nodes[find_first_block(nodes, 8)].op).size == 28


def shapes_of(graph: Graph) -> dict[str, Shape]:
    return {output.name: output_shape(graph.nodes[output.node].op) for output in graph.outputs}


def fits(kind: str, backbone: str) -> bool:
    return not (kind == "ssdlite" and backbone.startswith("squeezenet"))


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("backbone", KNOWN_NAMES)
def test_every_known_backbone_takes_every_head_or_says_why_not(kind: str, backbone: str) -> None:
    name = f"{kind}_{backbone}-0.5-96x128"
    if not fits(kind, backbone):
        with pytest.raises(InvalidArchitecture, match="needs maps of stride 16 and 32, and this backbone ends at"):
            known(name)
        return
    graph = lower(known(name))
    shapes = [Shape(3, (96, 128))]
    for node in graph.nodes:
        assert tuple(shapes[index + 1] for index in node.inputs) == input_shapes_of(node.op), node.name
        shapes.append(output_shape(node.op))
    assert len({node.name for node in graph.nodes}) == len(graph.nodes)
    if kind == "ssdlite":
        assert shapes_of(graph)["scores"].size == shapes_of(graph)["boxes"].size
    else:
        assert shapes_of(graph) == {"logits": Shape(21, (96, 128))}


@pytest.mark.parametrize("name", DENSE_NAMES)
def test_every_op_of_a_dense_network_has_a_key_that_parses(name: str) -> None:
    for entry in entries(lower(known(name))):
        assert parse_key(entry.key).ops == entry.ops


def test_output_stride_16_dilates_from_the_first_block_of_stride_32_on() -> None:
    """As torchvision's `dilated=True`: stride 1 and dilation 2 for every kernel of the last stage."""
    arch = known("lraspp_mobilenet_v3_large")
    assert dilations(arch) == (1,) * 5 + (2,)
    nodes = {node.name: node.op for node in lower(arch).nodes}
    dilated = [name for name, op in nodes.items() if isinstance(op, Conv) and op.dilation > 1]
    assert dilated == [f"s5b{block}_depthwise" for block in range(3)]
    assert max(strides(lower(arch).nodes[:-12])) == 16
    coarse = replace(arch, dense=LrAspp(output_stride=32))
    assert set(dilations(coarse)) == {1}
    assert params(lower(coarse)) == params(lower(arch))


def test_a_reduced_tail_halves_what_lies_behind_the_first_expansion_of_stride_32() -> None:
    whole, reduced = known("mobilenet_v3_large"), reduce_tail(known("mobilenet_v3_large"))
    assert whole.stages[:-1] == reduced.stages[:-1]
    assert [block.widths["expansion"] for block in reduced.stages[-1].blocks] == [672, 480, 480]
    assert (reduced.stages[-1].width, reduced.head.width) == (80, 480)


def test_a_window_larger_than_the_map_is_the_map() -> None:
    graph = lower(with_dense("lraspp_mobilenet_v3_small-1-256x512", paper()))
    pool = next(node.op for node in graph.nodes if node.name == "head_pool")
    assert isinstance(pool, Pool)
    assert (pool.kernel, pool.out_size) == ((16, 32), 1)
    large = lower(with_dense(f"lraspp_mobilenet_v3_small{CITYSCAPES}", paper()))
    assert output_shape(next(node.op for node in large.nodes if node.name == "head_pool")).size == (1, 4)


def test_logits_may_stay_at_the_stride_of_the_head() -> None:
    assert shapes_of(lower(with_dense("lraspp_mobilenet_v3_small-1-256", LrAspp(full_size=False)))) == {
        "logits": Shape(19, 32)
    }


@pytest.mark.parametrize("name", DENSE_NAMES)
def test_files_come_back_equal_and_keep_their_digest(name: str) -> None:
    arch = known(name)
    again = decode(msgspec.json.encode(arch), Architecture, "file", InvalidArchitecture)
    assert again == arch
    assert digest(again) == digest(arch) != digest(replace(arch, dense=msgspec.UNSET))


def test_a_classifiers_file_does_not_know_of_dense_heads() -> None:
    assert "dense" not in msgspec.json.decode(msgspec.json.encode(known("mobilenet_v2")))


@pytest.mark.parametrize(
    ("dense", "said"),
    [
        ({"kind": "ssdlite", "least_scale": 0.5, "greatest_scale": 0.2}, "least_scale = 0.5, more than greatest"),
        ({"kind": "lraspp", "window": 49}, "window and step are given together"),
        ({"kind": "deeplab"}, "deeplab"),
    ],
)
def test_a_file_with_an_impossible_head_is_refused(dense: dict[str, object], said: str) -> None:
    document = msgspec.to_builtins(known("lraspp_mobilenet_v3_small")) | {"dense": dense}
    with pytest.raises(InvalidArchitecture, match=said):
        decode(msgspec.json.encode(document), Architecture, "file", InvalidArchitecture)


def test_a_square_window_is_written_as_one_side() -> None:
    document = msgspec.to_builtins(known("lraspp_mobilenet_v3_small", 19))
    document["dense"] = {"kind": "lraspp", "window": [49, 49], "step": [16, 20]}
    found = decode(msgspec.json.encode(document), Architecture, "file", InvalidArchitecture)
    assert found.dense == paper()


def test_a_dense_head_stands_in_the_place_of_the_classifier() -> None:
    with pytest.raises(ValueError, match=r"head\.hidden is null"):
        replace(known("mobilenet_v3_small"), dense=LrAspp())


def test_widths_scale_the_extras() -> None:
    found = known("ssdlite_mobilenet_v2-0.35").dense
    assert isinstance(found, SsdLite)
    assert found.extras == (176, 88, 88, 48)
