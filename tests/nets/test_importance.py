"""Taylor scores against what they approximate: the loss's change when a channel is turned down a little."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nas.design.architecture import Architecture
from nas.design.channels import ChannelGroup, channel_groups
from nas.design.graph import Graph, lower
from nas.nets.data.dataset import Data
from nas.nets.network import Network, build
from nas.nets.pruning.importance import Magnitude, sample, taylor
from nas.nets.weights.weights_file import State
from tests.nets.test_inherit import lively

EPSILON = 1e-6


def in_doubles(graph: Graph, state: State) -> Network:
    network = build(graph).double().eval()
    network.load_state_dict({name: value.double() for name, value in state.items()}, strict=False)
    return network


def turned_down(state: State, group: ChannelGroup, channel: int) -> State:
    """Every gate of one channel of a group a little less open."""
    found = {name: value.double().clone() for name, value in state.items()}
    for name in (*group.producers, *group.through):
        for gate in (f"{name}.norm", f"{name}.linear"):
            if f"{gate}.weight" in found:
                for part in ("weight", "bias"):
                    found[f"{gate}.{part}"][channel] *= 1 - EPSILON
    return found


@pytest.fixture(scope="module")
def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 3, 32, 32, generator=generator, dtype=torch.float64), torch.arange(8) % 4


def test_a_score_is_the_first_order_change_of_the_loss(small: Architecture, batch: tuple[Tensor, Tensor]) -> None:
    graph = lower(small)
    state = lively(graph)
    images, labels = batch

    def loss(weights: State) -> float:
        with torch.no_grad():
            return float(F.cross_entropy(in_doubles(graph, weights)(images), labels))

    found = taylor(in_doubles(graph, state), [batch])
    for group in channel_groups(graph):
        if not group.producers:
            continue
        for channel in (0, group.width // 2, group.width - 1):
            expected = abs(loss(turned_down(state, group, channel)) - loss(state)) / EPSILON
            assert float(found.channels(group)[channel]) == pytest.approx(expected, rel=1e-3, abs=1e-6), group


def test_a_channel_that_nobody_hears_scores_nothing(small: Architecture, batch: tuple[Tensor, Tensor]) -> None:
    """L2 keeps it for its large filters; what it says is not heard, so the loss does not mind."""
    graph = lower(small)
    state = lively(graph)
    state["s1b1_expand.conv.weight"][3] *= 100
    state["s1b1_project.conv.weight"][:, 3] = 0
    [group] = [group for group in channel_groups(graph) if group.producers == ("s1b1_expand",)]
    assert int(Magnitude(graph, state).channels(group).argmax()) == 3
    scores = taylor(in_doubles(graph, state), [batch]).channels(group)
    assert float(scores[3]) == 0
    assert float(scores.max()) > 0


def test_inner_channels_of_squeeze_excite_have_scores_too(small: Architecture, batch: tuple[Tensor, Tensor]) -> None:
    graph = lower(small)
    state = lively(graph)
    state["s1b0_se.expand.weight"][:, 2] = 0
    scores = taylor(in_doubles(graph, state), [batch]).rows("s1b0_se", torch.arange(24))
    assert float(scores[2]) == 0
    assert float(scores.sum()) > 0


def test_signs_do_not_cancel_over_batches(small: Architecture, batch: tuple[Tensor, Tensor]) -> None:
    graph = lower(small)
    network = in_doubles(graph, lively(graph))
    halves = [(batch[0][:4], batch[1][:4]), (batch[0][4:], batch[1][4:])]
    [first, second, both] = [taylor(network, part) for part in (halves[:1], halves[1:], halves)]
    for group, scores in both.groups.items():
        torch.testing.assert_close(scores, first.groups[group] + second.groups[group])


def test_the_sample_is_the_same_every_time(data: Data) -> None:
    one, two = (list(sample(data.train, 16, 32)) for _ in range(2))
    assert len(one) == 8
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(one, two, strict=True))
