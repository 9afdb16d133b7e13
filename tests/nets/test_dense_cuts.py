"""Cuts in backbones under a head that reads several maps: a cut network computes what the whole does with zeros."""

from collections.abc import Iterator
from functools import lru_cache

import pytest
import torch

from nas.design.channels import channel_groups
from nas.design.edits.edit import CutEnd, Edit, Narrow, block_origins, cuts, edited, end_cuts, width_of
from nas.design.edits.simplify import DropBlock, simpler
from nas.design.edits.split import SplitStages
from nas.design.edits.tail import ReduceTail, may_reduce
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.op import has_norm
from nas.design.size import height_width
from nas.nets.network import build, with_weights
from nas.nets.pruning.inherit import inherit
from nas.nets.tasks.task import Outputs
from nas.nets.weights.weights_file import State, state_of
from tests.nets.test_foreign import scrambled
from tests.nets.test_inherit import without_effect

# Without squeeze-excite, whose inner width would follow a cut.
NAMES = ("ssdlite_mobilenet_v3_small_minimal-0.25-64x96", "lraspp_mobilenet_v3_small_minimal-0.25-64x96")
# Of other families, whose heads take their maps elsewhere: one cut of the backbone, one of the head, and the tail.
OTHERS = (
    "raspp_mobilenet_v3_small_minimal-0.25-64x96",
    "ssdlite_mobilenet_v1-0.25-64",
    "lraspp_mobilenet_v1-0.25-64",
    "ssdlite_mobilenet_v2-0.35-64",
    "ssdlite_shufflenet_v2-0.5-64",
    "raspp_mobilenet_v4_conv_small-0.25-64",
)


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


def cases() -> Iterator[tuple[str, Edit]]:
    for name in (*NAMES, *OTHERS):
        arch = known(name, 5)
        found = (*cuts(arch), *end_cuts(arch))
        for cut in found if name in NAMES else (cuts(arch)[-1], found[-1]):
            yield name, Narrow(cut, max(2, width_of(arch, cut) - 3))
        if may_reduce(arch):
            yield name, ReduceTail()


@pytest.mark.parametrize(("name", "edit"), list(cases()), ids=lambda value: getattr(value, "name", value))
def test_a_cut_network_computes_what_the_whole_does_with_zeros(name: str, edit: Edit) -> None:
    arch = known(name, 5)
    whole, narrow = lower(arch), lower(edited(arch, edit))
    state = silenced(whole, narrow, _lively(name))
    alike(said(whole, state), said(narrow, inherit(whole, narrow, state)))


@lru_cache
def _lively(name: str) -> State:
    return lively(lower(known(name, 5)))


def said(graph: Graph, state: State) -> Outputs:
    images = torch.randn(1, 3, *height_width(graph.inputs[0].size), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return with_weights(graph, _counted(graph, state)).eval().outputs(images)


def alike(expected: Outputs, found: Outputs) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))


def test_living_channels_that_are_cut_are_felt_in_every_output() -> None:
    """The test above can fail."""
    arch = known(NAMES[0], 5)
    whole, narrow = lower(arch), lower(edited(arch, ReduceTail()))
    state = lively(whole)
    for one, other in zip(said(whole, state), said(narrow, inherit(whole, narrow, state)), strict=True):
        assert not torch.allclose(one, other, rtol=1e-2)


@pytest.mark.parametrize("name", ["ssdlite_mobilenet_v1-0.25-64", "lraspp_shufflenet_v2-0.5-64"])
def test_a_dense_network_with_its_stages_split_says_the_same(name: str) -> None:
    arch = known(name, 5)
    whole, split = lower(arch), lower(edited(arch, SplitStages()))
    state = lively(whole)
    origins = block_origins(arch, SplitStages())
    for one, other in zip(said(whole, state), said(split, inherit(whole, split, state, origins=origins)), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["ssdlite_mobilenet_v2-0.35-64", "lraspp_mobilenet_v4_conv_small-0.25-64"])
def test_a_block_that_does_nothing_is_removed_from_under_a_head(name: str) -> None:
    arch = known(name, 5)
    whole, state = lower(arch), lively(lower(arch))
    for edit in [edit for edit in simpler(arch) if isinstance(edit, DropBlock)][::3]:
        quiet = {tensor: value.clone() for tensor, value in state.items()}
        without_effect(edit, quiet)
        child = lower(edited(arch, edit))
        alike(said(whole, quiet), said(child, inherit(whole, child, quiet, origins=block_origins(arch, edit))))


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
