"""What least squares behind a cut must do, by its definition."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nas.design.architecture import Architecture
from nas.design.channels import ChannelGroup
from nas.design.edits.edit import CutBottleneck, CutInner, Narrow, apply, edited
from nas.design.graph import lower
from nas.jobs import Adapt, EvaluateEdits, Train
from nas.nets.data.dataset import Data
from nas.nets.network import build, with_weights
from nas.nets.pruning.importance import sample, taylor
from nas.nets.pruning.inherit import inherit
from nas.nets.pruning.reconstruction import RIDGE, moments, refitted
from nas.nets.training.batches import inputs
from nas.nets.training.loop import recalibrate
from nas.nets.training.recipe import Recipe
from nas.nets.weights.weights_file import load_weights, state_of
from nas.nets.worker import Worker


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_moments_are_the_mean_products_of_what_a_layer_is_given(small: Architecture, data: Data) -> None:
    network = build(lower(small)).eval()
    images = inputs(data.train.images[:24], 32)
    found = moments(network, [images[:16], images[16:]])
    assert "head_classifier" in found
    assert not any(name.endswith(("_depthwise", "stem", "_se")) for name in found)
    graph = network.graph
    for name in ("s1b1_project", "head_hidden"):
        number = next(n for n, node in enumerate(graph.nodes) if node.name == name)
        with torch.no_grad():
            given = network.run([images], 0, number)
        rows = given.movedim(1, -1).flatten(0, -2)
        assert torch.allclose(found[name], rows.T @ rows / len(rows), rtol=1e-4, atol=1e-6)


@given(st.integers(2, 12), st.integers(1, 6), st.integers(0, 1000), st.data())
def test_no_other_weights_are_a_better_ridge_regression(width: int, out: int, seed: int, draw: st.DataObject) -> None:
    x, weight = random(200, width, seed=seed) @ random(width, width, seed=seed + 2), random(out, width, seed=seed + 1)
    kept = torch.tensor(sorted(draw.draw(st.sets(st.integers(0, width - 1), min_size=1, max_size=width))))
    x, weight = x.double(), weight.double()
    ridge = RIDGE * float(x[:, kept].square().mean())

    def cost(weights: Tensor) -> float:
        missed = (x[:, kept] @ weights.T - x @ weight.T).square().sum(1).mean()
        return float(missed + ridge * (weights - weight[:, kept]).square().sum())

    found = refitted(weight, x.T @ x / len(x), kept)
    assert cost(found) <= cost(weight[:, kept])
    for other in range(20):
        assert cost(found) <= cost(found + 0.01 * random(*found.shape, seed=other).double())


def test_dead_inputs_leave_the_weights_as_they_are() -> None:
    weight, moment = random(3, 4), torch.zeros(4, 4)
    moment[3, 3] = 2.0  # the only one that lives goes
    kept = torch.tensor([0, 1, 2])
    assert torch.equal(refitted(weight, moment, kept), weight[:, kept])


class Earlier:
    """The first channels matter most."""

    def channels(self, group: ChannelGroup) -> Tensor:
        return -torch.arange(group.width).float()

    def rows(self, name: str, kept: Tensor) -> Tensor:
        return -torch.arange(len(kept)).float()


def test_channels_that_repeat_others_are_not_missed(small: Architecture) -> None:
    """The second half of an expansion says what the first says; a layer that reads both is fitted to one alone."""
    graph, child = lower(small), lower(apply(small, CutInner(1, 1), 16))
    state = state_of(build(graph))
    for name, tensor in state.items():
        if name.startswith(("s1b1_expand.", "s1b1_depthwise.")):
            tensor[16:] = tensor[:16]
    state["s1b1_project.conv.weight"] = random(16, 32, 1, 1)
    images = random(32, 3, 32, 32)
    before = with_weights(graph, state).eval()
    with torch.no_grad():
        said = before(images)
        seen = moments(before, [images])
        cut, repaired = (
            with_weights(child, inherit(graph, child, state, Earlier(), moments=known)).eval()(images)
            for known in (None, seen)
        )
    scale = float(said.std(0).mean())
    assert float((repaired - said).abs().max()) < 0.02 * scale
    assert float((cut - said).abs().max()) > scale


@pytest.fixture(scope="module")
def trained(small: Architecture, data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of sixteen epochs."""
    path: Path = tmp_path_factory.mktemp("trained") / "trained.safetensors"
    Worker(data)(Train(small, 0, 16, 16, 0, path))
    return path


@pytest.mark.parametrize(("cut", "width"), [(CutInner(2, 0), 32), (CutInner(1, 1), 16), (CutBottleneck(1), 12)])
def test_repaired_a_cut_network_says_more_nearly_what_it_said(
    cut: CutInner | CutBottleneck, width: int, small: Architecture, data: Data, trained: Path, tmp_path: Path
) -> None:
    path, edit, graph, learner = trained, Narrow(cut, width), lower(small), Worker(data)
    changes = []
    for repair in (False, True):
        seen = learner(EvaluateEdits(small, path, (edit,), tmp_path / "x", "taylor", repair))
        changes.append(np.abs(np.subtract(seen.edits[0].losses, seen.losses)).mean())
    assert changes[1] < changes[0]
    learner(Adapt(small, path, edit, 0, 0, tmp_path / "adapted.safetensors", "taylor", repair=True))
    state, narrow = load_weights(path, small).state, edited(small, edit)
    network = with_weights(graph, state)
    recalibrate(network, data.train, 32, Recipe().adapt_norm_images)
    batches = list(sample(data.train, 32, 32))
    expected = inherit(graph, lower(narrow), state, taylor(network, batches), None, moments(network, dict(batches)))
    for name, tensor in load_weights(tmp_path / "adapted.safetensors", narrow).state.items():
        assert "running" in name or torch.equal(tensor, expected[name]), name
