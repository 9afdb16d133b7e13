"""A small network reads and writes its own share of the large one's weights, and nothing else."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from torch.func import functional_call

from nas.design.architecture import Architecture
from nas.design.container import supernet_architecture
from nas.design.graph import lower
from nas.design.known import known
from nas.design.size import height_width
from nas.design.space import HeadChoice, SearchSpace, StageChoice, StemChoice, load_space, space_names
from nas.errors import InvalidArchitecture
from nas.nets.network import build, with_weights
from nas.nets.pruning.inherit import inherit
from nas.nets.supernet.views import fresh_norms, parameter_shapes, require_within, skeleton, views
from nas.nets.weights.weights_file import State, shapes, state_of
from tests.design.inverted import inverted

TINY = SearchSpace(
    "tiny",
    StemChoice((4, 8), ("relu", "hswish")),
    (
        StageChoice(1, (1,), (4, 8), (3, 5), ("none", 2.0), (False,), ("relu",)),
        StageChoice(2, (1, 2, 3), (8, 16), (3, 5, 7), (1.0, 3.0), (False, True), ("relu", "hswish")),
    ),
    HeadChoice((16, 32), (8, 16), ("hswish",)),
)
BIG = supernet_architecture(TINY, 16, 3)
_WIDTHS = ("width", "hidden", "se")
choices = st.integers(0, 2**32).map(lambda seed: TINY.sample(random.Random(seed), 16, 3))


def numbered() -> State:
    """Every weight of the large network is a number of its own."""
    found: State = {}
    for name, shape in parameter_shapes(BIG).items():
        count = torch.Size(shape).numel()
        found[name] = torch.arange(count, dtype=torch.float64).view(shape)
    return found


def images(arch: Architecture, count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, *height_width(arch.resolution), generator=torch.Generator().manual_seed(0))


def test_a_network_shares_all_of_itself() -> None:
    state = numbered()
    found = views(state, BIG)
    assert found.keys() == state.keys()
    assert all(found[name] is state[name] for name in state)


@given(choices)
def test_views_are_the_small_networks_parameters_and_hold_no_memory(small: Architecture) -> None:
    state = numbered()
    found = views(state, small)
    needed = {name: shape for name, shape in shapes(lower(small)).items() if "running" not in name}
    assert {name: tuple(view.shape) for name, view in found.items()} == needed
    for name, view in found.items():
        assert view.untyped_storage().data_ptr() == state[name].untyped_storage().data_ptr()


def test_channels_lead_and_kernels_are_central() -> None:
    """Depthwise filter 1 of a 7x7 kernel starts at number 49; its central 3x3 begins in row and column 2."""
    small = TINY.smallest(16, 3)
    found = views(numbered(), small)
    rows = [49 + 7 * row + column for row in (2, 3, 4) for column in (2, 3, 4)]
    assert inverted(BIG.stages[1].blocks[0]).kernel == 7
    assert found["s1b0_depthwise.conv.weight"][1].flatten().tolist() == rows
    # Two expansion filters of the large network, over its eight input channels, cut to the first four of these.
    assert found["s1b0_expand.conv.weight"][1].flatten().tolist() == [8, 9, 10, 11]
    assert found["s1b0_project.norm.bias"].tolist() == list(range(8))
    # The classifier keeps all its classes and reads the first hidden units.
    assert found["head_classifier.linear.weight"][:, 0].tolist() == [0, 16, 32]


@given(choices)
@settings(max_examples=25)
def test_gradients_touch_a_small_networks_share_alone(small: Architecture) -> None:
    """Two ways, differentiating through the views and from them as leaves, and an own copy as the oracle."""
    state = {name: value.requires_grad_() for name, value in build(lower(BIG)).named_parameters()}
    functional_call(skeleton(small), views(state, small), (images(small),)).square().sum().backward()
    alone = build(lower(small)).train()
    with torch.no_grad():
        for name, parameter in alone.named_parameters():
            parameter.copy_(views(state, small)[name])
    alone(images(small)).square().sum().backward()
    gradients = {name: torch.zeros_like(value) if value.grad is None else value.grad for name, value in state.items()}
    for name, parameter in alone.named_parameters():
        share = views(gradients, small)[name]
        assert parameter.grad is not None
        torch.testing.assert_close(share, parameter.grad)
        share.zero_()
    assert all(not bool(gradient.any()) for gradient in gradients.values())


def test_the_share_equals_inheritance_where_leading_channels_are_the_strongest() -> None:
    """Same blocks and kernels, narrower: `inherit` must choose the very same channels."""
    wide = TINY.draw(lambda name, options: options[-1] if name.split(".")[-1] in _WIDTHS else options[0], 16, 3)
    narrow = TINY.draw(lambda name, options: options[-1] if name.endswith("se") else options[0], 16, 3)
    state = state_of(build(lower(wide), seed=3))
    for value in state.values():
        if value.ndim > 1:
            value.mul_(torch.logspace(0, -6, len(value)).view(-1, *[1] * (value.ndim - 1)))
    inherited = inherit(lower(wide), lower(narrow), state)
    found = views(state, narrow)
    assert found.keys() == {name for name in inherited if "running" not in name}
    assert all(torch.equal(found[name], inherited[name]) for name in found)


@pytest.mark.parametrize("name", [name for name in space_names() if name != "universal_or_shuffle"])
def test_shipped_spaces_are_contained(name: str) -> None:
    space = load_space(name)
    big = supernet_architecture(space, 32, 10)
    rng = random.Random(0)
    for small in (space.smallest(32, 10), space.largest(32, 10), *(space.sample(rng, 32, 10) for _ in range(60))):
        require_within(small, big)
    for stage in big.stages:
        assert len({block.kernels for block in stage.blocks}) == 1


def test_the_container_is_found_whatever_the_order_of_options() -> None:
    turned = replace(
        TINY,
        stages=(
            replace(TINY.stages[0], expansion=(2.0, "none"), kernel=(5, 3)),
            replace(TINY.stages[1], depth=(3, 1, 2), width=(16, 8), se=(True, False)),
        ),
    )
    assert supernet_architecture(turned, 16, 3) == BIG
    one = replace(TINY, stages=(replace(TINY.stages[0], expansion=("none",)), TINY.stages[1]))
    assert inverted(supernet_architecture(one, 16, 3).stages[0].blocks[0]).expanded is None


def test_published_networks_are_contained_and_wider_ones_are_not() -> None:
    for name in ("mobilenet_v3_large", "mobilenet_v3_small"):
        big = supernet_architecture(load_space(name), 224, 1000)
        require_within(known(name), big)
        with pytest.raises(InvalidArchitecture, match=r"the shared weights hold no more than"):
            require_within(known(f"{name}-4"), big)


def test_what_is_not_contained_is_named() -> None:
    small = TINY.smallest(16, 3)
    deep = TINY.draw(lambda name, options: options[-1] if name.endswith("depth") else options[0], 16, 3)
    with pytest.raises(InvalidArchitecture, match=r"s1b1_expand.conv.weight: the shared weights lack it"):
        require_within(deep, small)
    with pytest.raises(InvalidArchitecture, match=r"stages: has 1, the shared weights 2"):
        require_within(replace(small, stages=small.stages[:1]), BIG)
    with pytest.raises(InvalidArchitecture, match=r"head.hidden = None"):
        require_within(replace(small, head=replace(small.head, hidden=None)), BIG)
    with pytest.raises(InvalidArchitecture, match=r"stages\[1\].stride = 1: the shared weights are of stride 2"):
        require_within(replace(small, stages=(small.stages[0], replace(small.stages[1], stride=1))), BIG)
    with pytest.raises(InvalidArchitecture, match=r"head_classifier.linear.weight = \[7, 8\]: .* \[3, 16\]"):
        require_within(replace(small, classes=7), BIG)


@given(choices)
@settings(max_examples=10)
def test_a_share_with_fresh_norms_is_a_whole_state(small: Architecture) -> None:
    state = {**views(state_of(build(lower(BIG))), small), **fresh_norms(small)}
    assert state.keys() == shapes(lower(small)).keys()
    network = with_weights(lower(small), state)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_var is not None
            assert module.running_var.tolist() == [1.0] * module.num_features


def test_a_skeleton_owns_nothing_and_keeps_no_statistics() -> None:
    small = TINY.smallest(16, 3)
    network = skeleton(small)
    state: State = dict(build(lower(small)).named_parameters())
    one = functional_call(network, state, (images(small),))
    two = functional_call(network, state, (100 * images(small) + 3,))
    assert torch.equal(functional_call(network, state, (images(small),)), one)
    assert not torch.equal(one, two)
    assert all(parameter.is_meta for parameter in network.parameters())
    assert not list(network.buffers())
