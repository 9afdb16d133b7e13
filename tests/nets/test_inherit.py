"""Cutting channels that do nothing must not change what a network says."""

import pytest
import torch
from torch import Tensor

from nas.design.architecture import Architecture
from nas.design.channels import ChannelGroup, channel_groups
from nas.design.edits.edit import Cut, Edit, apply, block_origins, cuts, edited, end_cuts, width_of
from nas.design.edits.simplify import (
    DropBlock,
    DropSqueeze,
    ShrinkKernel,
    Simplification,
    UseRelu,
    UseReluAtEnd,
    simpler,
)
from nas.design.edits.split import SplitStages
from nas.design.edits.tail import ReduceTail
from nas.design.graph import Graph, lower
from nas.design.known import KNOWN_NAMES, known
from nas.design.op import Conv, Linear, SqueezeExcite
from nas.design.size import height_width, shorter_side
from nas.nets.data.dataset import Split
from nas.nets.network import Network, build, with_weights
from nas.nets.pruning.inherit import inherit
from nas.nets.training.loop import recalibrate
from nas.nets.weights.weights_file import State, state_of
from tests.each_family import EACH_FAMILY

# Families some of whose channels are tied by concatenations, groups or shuffles: those stay as they are.
TIED = ("shufflenet", "squeezenet")


def lively(graph: Graph, seed: int = 0) -> State:
    """Weights whose norms do something and whose outputs are not tiny."""
    network = build(graph, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        match module:
            case torch.nn.BatchNorm2d():
                module.weight.data.uniform_(0.5, 1.5, generator=generator)
                module.bias.data.normal_(0, 0.2, generator=generator)
            case torch.nn.Linear():
                module.weight.data.normal_(0, 0.1, generator=generator)
            case _:
                pass
    # Statistics of the weights' own activations: with any others the image fades in fifteen blocks, and every
    # network would say the same.
    generator.manual_seed(1)
    images = torch.randint(0, 256, (32, 3, *height_width(graph.inputs[0].size)), generator=generator)
    recalibrate(network, Split(images.to(torch.uint8), torch.zeros(32, dtype=torch.int64)), graph.inputs[0].size, 32)
    return state_of(network)


def silence(state: State, graph: Graph, group: ChannelGroup, channels: Tensor) -> None:
    """Make these channels of a group zero everywhere: filters, norm shift and mean."""
    ops = {node.name: node.op for node in graph.nodes}
    for name, places in group.written_places().items():
        op = ops[name]
        if isinstance(op, Conv | Linear):
            gone = torch.tensor(places).reshape(group.width, -1)[channels].flatten()
            layer = "linear" if isinstance(op, Linear) else "conv"
            behind = {"norm": ["norm.bias", "norm.running_mean"], "bias": [f"{layer}.bias"], "none": []}[op.affine]
            for part in (f"{layer}.weight", *behind):
                state[f"{name}.{part}"][gone] = 0


def silence_rows(state: State, name: str, rows: Tensor) -> None:
    for part in ("reduce.weight", "reduce.bias"):
        state[f"{name}.{part}"][rows] = 0


def some(width: int, count: int, seed: int) -> Tensor:
    return torch.randperm(width, generator=torch.Generator().manual_seed(seed))[:count]


def said(graph: Graph, state: State) -> Tensor:
    return said_by(with_weights(graph, state))


def said_with(network: Network, state: State) -> Tensor:
    """The same of a network that is there, with other weights: to build one takes longer than to ask it."""
    network.load_state_dict(state)
    return said_by(network)


def said_by(network: Network) -> Tensor:
    network.eval()
    size = network.resolution
    with torch.inference_mode():
        out: Tensor = network(torch.randn(1, 3, *height_width(size), generator=torch.Generator().manual_seed(5)))
    return out


def changed(parent: Graph, child: Graph) -> list[tuple[ChannelGroup, int]]:
    groups = zip(channel_groups(parent), channel_groups(child), strict=True)
    return [(wide, wide.width - narrow.width) for wide, narrow in groups if wide.width != narrow.width]


def check(arch: Architecture, cut: Cut, state: State, whole: Network, alive: Tensor) -> None:
    """Silence as many channels as the cut takes, cut, compare; and the cut of living channels is felt."""
    parent, child = lower(arch), lower(apply(arch, cut, max(1, round(width_of(arch, cut) * 0.7))))
    small = with_weights(child, inherit(parent, child, state))
    assert not torch.equal(said_by(small), alive)
    state = {name: value.clone() for name, value in state.items()}
    for number, (group, lost) in enumerate(changed(parent, child)):
        silence(state, parent, group, some(group.width, lost, number))
    for wide, narrow in zip(parent.nodes, child.nodes, strict=True):
        if isinstance(wide.op, SqueezeExcite) and isinstance(narrow.op, SqueezeExcite):
            silence_rows(state, wide.name, some(wide.op.inner, wide.op.inner - narrow.op.inner, 7))
    expected = said_with(whole, state)
    found = said_with(small, inherit(parent, child, state))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", EACH_FAMILY)
def test_every_cut_of_dead_channels_leaves_the_outputs(name: str) -> None:
    arch = known(f"{name}-0.5-48" if name == "xception" else f"{name}-1-48", classes=10)
    state = lively(lower(arch))
    whole = with_weights(lower(arch), state)
    alive = said_by(whole)
    for cut in (*cuts(arch), *end_cuts(arch)):
        check(arch, cut, state, whole, alive)


def test_many_groups_at_once(small: Architecture) -> None:
    child = small
    for cut in cuts(small):
        child = apply(child, cut, width_of(small, cut) // 2)
    assert {wide.width // 2 for wide, _ in changed(lower(small), lower(child))} == {4, 8, 12, 16, 24}
    state = lively(lower(small))
    found = inherit(lower(small), lower(child), state)
    build(lower(child)).load_state_dict(found)


def test_the_strongest_channels_are_kept_in_their_order(small: Architecture) -> None:
    graph = lower(small)
    state = lively(graph)
    for number, strength in enumerate([1e4, 1e2, 1e6, 1e3]):
        state["s1b1_expand.conv.weight"][number] *= strength
    cut = next(cut for cut in cuts(small) if cut.name == "s1b1.expansion")
    child = lower(apply(small, cut, 3))
    found = inherit(graph, child, state)
    for name in ("s1b1_expand", "s1b1_depthwise"):
        assert torch.equal(found[f"{name}.conv.weight"], state[f"{name}.conv.weight"][[0, 2, 3]])
        assert torch.equal(found[f"{name}.norm.running_mean"], state[f"{name}.norm.running_mean"][[0, 2, 3]])
    assert torch.equal(found["s1b1_project.conv.weight"], state["s1b1_project.conv.weight"][:, [0, 2, 3]])


def test_the_norm_counts_towards_importance(small: Architecture) -> None:
    graph = lower(small)
    state = lively(graph)
    state["s1b1_expand.norm.weight"][5] = 1000.0
    cut = next(cut for cut in cuts(small) if cut.name == "s1b1.expansion")
    found = inherit(graph, lower(apply(small, cut, 2)), state)
    assert 1000.0 in found["s1b1_expand.norm.weight"]


def test_without_a_cut_nothing_changes(small: Architecture) -> None:
    graph = lower(small)
    state = lively(graph)
    found = inherit(graph, graph, state)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def changed_by(arch: Architecture, edit: Edit, state: State) -> tuple[Tensor, Tensor]:
    """Outputs before and after an edit with inherited weights."""
    parent, child = lower(arch), lower(edited(arch, edit))
    origins = block_origins(arch, edit)
    return said(parent, state), said(child, inherit(parent, child, state, origins=origins))


@pytest.mark.parametrize("name", ["mobilenet_v1-0.25-64", "shufflenet_v2-0.5-64", "squeezenet_1_1-0.25-64"])
def test_a_network_with_its_stages_split_says_the_same(name: str) -> None:
    arch = known(name, classes=10)
    before, after = changed_by(arch, SplitStages(), state_of(build(lower(arch), seed=1)))
    assert torch.equal(before, after)


def without_effect(edit: Simplification, state: State) -> None:
    """Weights with which a change may change nothing."""
    name = "" if isinstance(edit, UseReluAtEnd | ReduceTail) else f"s{edit.stage}b{edit.block}"
    match edit:
        case DropSqueeze():  # a gate that is open: hardsigmoid(9) = 1
            state[f"{name}_se.expand.weight"].zero_()
            state[f"{name}_se.expand.bias"].fill_(9)
        case UseRelu():  # far from zero both functions are the same
            for part in ("expand", "depthwise"):
                if f"{name}_{part}.norm.bias" in state:
                    state[f"{name}_{part}.norm.weight"] *= 0.001
                    state[f"{name}_{part}.norm.bias"].fill_(4)
        case UseReluAtEnd():  # at -4 both are zero
            parts = ["stem.norm"] if edit.end == "stem" else ["head_conv.norm", "head_hidden.linear"]
            for part in parts:
                state[f"{part}.weight"] *= 0.001
                state[f"{part}.bias"].fill_(-4)
        case ShrinkKernel():  # the rim of the kernel is zero
            kernel = state[f"{name}_depthwise.conv.weight"]
            middle = kernel[:, :, 1:-1, 1:-1].clone()
            kernel.zero_()
            kernel[:, :, 1:-1, 1:-1] = middle
        case ReduceTail():
            raise NotImplementedError("no classifier has this change")
        case DropBlock():  # the block adds nothing to its shortcut
            for part in ("conv.weight", "norm.bias", "norm.running_mean"):
                state[f"{name}_project.{part}"].zero_()


def test_a_change_that_changes_nothing_leaves_the_outputs() -> None:
    arch = known("mobilenet_v3_small-1-32", classes=10)
    state = lively(lower(arch))
    whole = with_weights(lower(arch), state)
    alive = said_by(whole)
    for edit in simpler(arch):
        parent, child, origins = lower(arch), lower(edited(arch, edit)), block_origins(arch, edit)
        simple = with_weights(child, inherit(parent, child, state, origins=origins))
        sizes = {node.name: shorter_side(node.op.size) for node in lower(arch).nodes if isinstance(node.op, Conv)}
        # On a map of two pixels the rim of a kernel sees nothing but padding.
        unseen = isinstance(edit, ShrinkKernel) and sizes[f"s{edit.stage}b{edit.block}_depthwise"] <= 2
        assert torch.equal(alive, said_by(simple)) == unseen
        quiet = {tensor: value.clone() for tensor, value in state.items()}
        without_effect(edit, quiet)
        before, after = said_with(whole, quiet), said_with(simple, inherit(parent, child, quiet, origins=origins))
        torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4 * float(before.abs().max()))


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_every_group_of_channels_is_cut_by_a_proposal(name: str) -> None:
    """All but the image's and the classes': with the ends each group is reached, and by one cut only.

    Of families whose channels are tied, those that are not.
    """
    arch = known(f"{name}-1-32", classes=10)
    reached = [
        group.producers
        for cut in (*cuts(arch), *end_cuts(arch))
        for group, _ in changed(lower(arch), lower(apply(arch, cut, width_of(arch, cut) - 1)))
    ]
    groups = [group.producers for group in channel_groups(lower(arch)) if group.producers and group.consumers]
    assert len(set(reached)) == len(reached)
    if name.startswith(TIED):
        assert set(reached) < set(groups)
    else:
        assert sorted(reached) == sorted(groups)
