"""Cuts in backbones under a head that reads several maps: a cut network computes what the whole does with zeros."""

from collections.abc import Iterator

import pytest
import torch

from nas.design.architecture import Architecture
from nas.design.channels import channel_groups
from nas.design.edits.edit import Cut, CutEnd, apply, cuts, end_cuts, width_of
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.op import has_norm
from nas.nets.network import build, with_weights
from nas.nets.pruning.inherit import inherit
from nas.nets.weights.weights_file import State, state_of
from tests.nets.test_foreign import scrambled

# Without squeeze-excite, whose inner width would follow a cut.
NAMES = ("ssdlite_mobilenet_v3_small_minimal-0.25-64x96", "lraspp_mobilenet_v3_small_minimal-0.25-64x96")


def lively(graph: Graph) -> State:
    network = build(graph, seed=3)
    scrambled(network)
    return state_of(network)


def silenced(graph: Graph, child: Graph, state: State) -> State:
    """The weights with the last channels of every group that the child has fewer of at zero, and least important."""
    found = {name: value.clone() for name, value in state.items()}
    for wide, narrow in zip(channel_groups(graph), channel_groups(child), strict=True):
        for name, places in wide.written_places().items():
            gone = torch.tensor(places).reshape(wide.width, -1)[narrow.width :].flatten()
            for tensor in ("conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean"):
                if f"{name}.{tensor}" in found:
                    found[f"{name}.{tensor}"][gone] = 0
    return found


def cases() -> Iterator[tuple[str, Cut]]:
    for name in NAMES:
        arch = known(name, 5)
        yield from ((name, cut) for cut in (*cuts(arch), *end_cuts(arch)))


@pytest.mark.parametrize(("name", "cut"), list(cases()), ids=lambda value: getattr(value, "name", value))
def test_a_cut_backbone_computes_what_the_whole_does_with_zeros(name: str, cut: Cut) -> None:
    arch = known(name, 5)
    child = apply(arch, cut, max(2, width_of(arch, cut) - 3))
    whole, narrow = lower(arch), lower(child)
    state = silenced(whole, narrow, lively(whole))
    images = torch.randn(1, 3, *_sides(arch), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = with_weights(whole, _counted(whole, state)).eval().outputs(images)
        found = with_weights(narrow, _counted(narrow, inherit(whole, narrow, state))).eval().outputs(images)
    assert len(found) == len(expected) == len(whole.outputs)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))


def _sides(arch: Architecture) -> tuple[int, int]:
    side = arch.resolution
    return (side, side) if isinstance(side, int) else side


def _counted(graph: Graph, state: State) -> State:
    counts = {f"{node.name}.norm.num_batches_tracked": torch.tensor(0) for node in graph.nodes if has_norm(node.op)}
    return state | counts


def test_the_expansion_that_a_detector_reads_is_read_by_its_predictors_too() -> None:
    graph = lower(known("ssdlite_mobilenet_v3_small", 5))
    group = next(group for group in channel_groups(graph) if group.producers == ("s4b0_expand",))
    assert group.through == ("s4b0_depthwise", "s4b0_se", "head_scores0_depthwise", "head_boxes0_depthwise")
    assert group.consumers == ("s4b0_project", "head_scores0_project", "head_boxes0_project")


def test_the_gate_of_lraspp_has_the_channels_of_what_it_gates() -> None:
    groups = channel_groups(lower(known("lraspp_mobilenet_v3_small", 5)))
    gated = next(group for group in groups if "head_features" in group.producers)
    assert (gated.producers, gated.consumers) == (("head_features", "head_gate"), ("head_high",))


def test_heads_leave_backbones_their_cuts() -> None:
    plain, dense = known("mobilenet_v3_small"), known("lraspp_mobilenet_v3_small")
    assert cuts(plain) == cuts(dense)
    assert CutEnd("head") in end_cuts(dense)
    assert CutEnd("hidden") not in end_cuts(dense)
