"""Screening: what a whole pass through every edited network would have said, computed from one trunk."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.edits.edit import Edit, Narrow, Together, changed, cuts, edited, end_cuts, width_of
from nas.design.edits.resize import Resize
from nas.design.edits.simplify import DropBlock, simpler
from nas.design.edits.split import SplitStages
from nas.design.graph import lower
from nas.design.known import known
from nas.errors import Diverged
from nas.jobs import Adapt, EvaluateEdits, Train
from nas.nets.data.dataset import Data
from nas.nets.network import Network, with_weights
from nas.nets.pruning.importance import Magnitude
from nas.nets.pruning.inherit import inherit
from nas.nets.pruning.screen import Branch, branch_off, parting, screen
from nas.nets.tasks.task import Judged
from nas.nets.training.batches import placed
from nas.nets.training.loop import evaluate, recalibrate
from nas.nets.training.recipe import Recipe
from nas.nets.weights.weights_file import load_weights, save_weights
from nas.nets.worker import Worker


@pytest.fixture(scope="module")
def learner(data: Data) -> Worker:
    return Worker(data)


@pytest.fixture(scope="module")
def parent(learner: Worker, small: Architecture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained, and its norms estimated on the images that those of edits are estimated on."""
    folder = tmp_path_factory.mktemp("parent")
    learner(Train(small, 0, 4, 4, 0, folder / "trained.safetensors"))
    learner(Adapt(small, folder / "trained.safetensors", None, 0, 0, folder / "parent.safetensors"))
    return folder / "parent.safetensors"


def every_edit(arch: Architecture) -> list[Edit]:
    """Halves of all groups, all simplifications, and two edits at once."""
    halves = [Narrow(cut, max(4, width_of(arch, cut) // 2)) for cut in (*cuts(arch), *end_cuts(arch))]
    return [*halves, *simpler(arch), Together((halves[0], halves[2]))]


def test_screening_is_an_untrained_adaptation_of_every_edit(
    learner: Worker, small: Architecture, parent: Path, tmp_path: Path
) -> None:
    edits = every_edit(small)
    found = learner(EvaluateEdits(small, parent, tuple(edits), Path(), "taylor"))
    alone = [learner(Adapt(small, parent, edit, 0, 0, tmp_path / "x.safetensors", "taylor")) for edit in edits]
    assert len(found.edits) == len(edits) > 12
    for seen, whole in zip(found.edits, alone, strict=True):
        np.testing.assert_allclose(seen.losses, whole.losses, rtol=1e-3, atol=1e-4)
        assert seen.score.count == len(learner.data.val)
    unchanged = learner(Adapt(small, parent, None, 0, 0, tmp_path / "x.safetensors"))
    np.testing.assert_allclose(found.losses, unchanged.losses, rtol=1e-3, atol=1e-4)


def test_a_look_sees_no_more_images_than_it_is_to(
    learner: Worker, small: Architecture, parent: Path, tmp_path: Path
) -> None:
    val = learner.data.val
    every = torch.arange(20) * len(val) // 20
    few = Worker(learner.data, Recipe(look_images=20))
    edit = Narrow(cuts(small)[0], 8)
    whole, looked = (one(EvaluateEdits(small, parent, (edit,), Path())) for one in (learner, few))
    assert looked.score.count == 20 < len(val)
    for few_losses, losses in ((looked.losses, whole.losses), (looked.edits[0].losses, whole.edits[0].losses)):
        np.testing.assert_allclose(few_losses, np.array(losses)[every], rtol=1e-4, atol=1e-5)
    adapted = few(Adapt(small, parent, edit, 0, 0, tmp_path / "x.safetensors"))
    assert adapted.score.count == len(val)  # what is taken is seen on all


def test_how_edits_share_jobs_does_not_matter(learner: Worker, small: Architecture, parent: Path) -> None:
    edits = every_edit(small)

    def seen(shares: Sequence[Sequence[Edit]]) -> list[tuple[float, ...]]:
        return [
            one.losses for share in shares for one in learner(EvaluateEdits(small, parent, tuple(share), Path())).edits
        ]

    assert seen([edits]) == seen([edits[:3], edits[3:4], edits[4:]])


def test_branch_off_keeps_only_the_layers_that_a_branch_runs(small: Architecture, parent: Path) -> None:
    state = load_weights(parent, small).state
    whole, other = (with_weights(lower(arch), state) for arch in (small, replace(small, resolution=16)))
    branch = branch_off(whole, with_weights(lower(small), state), 5)
    left = {name.partition(".")[0] for name in branch.network.state_dict()}
    assert left == {node.name for node in whole.graph.nodes[5:] if whole.get_submodule(node.name).state_dict()}
    assert branch_off(whole, other, 5).network.state_dict().keys() == whole.state_dict().keys()


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2"])
def test_a_branch_parts_where_its_first_change_is_or_at_the_shortcut_around_it(name: str) -> None:
    """The oracle: the last node before the change whose value alone goes on."""
    arch = known(name, 10)
    before = lower(arch)
    for edit in every_edit(arch):
        after = lower(edited(arch, edit))
        first = parting(before, after)
        assert before.nodes[:first] == after.nodes[:first]
        for graph in (before, after):
            assert {v for node in graph.nodes[first:] for v in node.inputs if v < first} <= {first - 1}
        if isinstance(edit, DropBlock | Together | Resize | SplitStages):
            continue
        change = next(n for n, node in enumerate(before.nodes) if node.name in changed(arch, edit))
        between = {v for node in before.nodes[change:] for v in node.inputs if v < change}
        assert first <= change
        assert first == change or len(between) > 1


def test_a_block_that_takes_the_name_of_its_neighbour_has_other_weights() -> None:
    """Two equal blocks: without the first the graph begins the same, but for the weights."""
    arch = known("mobilenet_v3_large", 10)
    stage = next(s for s, stage in enumerate(arch.stages) if len(set(stage.blocks[1:])) == 1 < len(stage.blocks) - 1)
    before, after = lower(arch), lower(edited(arch, DropBlock(stage, 1)))
    name = f"s{stage}b1"
    start = next(n for n, node in enumerate(before.nodes) if node.name.startswith(name))
    assert parting(before, after, {name}) == start < parting(before, after)


def test_screen_judges_a_branch_of_another_resolution_as_that_network_alone(
    data: Data, small: Architecture, parent: Path
) -> None:
    """Between branches of the parent's resolution, whose outcomes it leaves as they are, and in their order."""
    state = load_weights(parent, small).state

    def network(arch: Architecture) -> Network:
        return placed(with_weights(lower(arch), state))

    def same(width: int) -> Branch:
        narrow = edited(small, Narrow(cuts(small)[-1], width))
        kept = inherit(lower(small), lower(narrow), state, Magnitude(lower(small), state))
        child = placed(with_weights(lower(narrow), kept))
        return Branch(child, parting(lower(small), child.graph))

    others = [replace(small, resolution=side) for side in (16, 24)]
    branches = [Branch(network(others[0]), 0), same(20), Branch(network(others[1]), 0), same(12)]
    own, seen = screen(network(small), branches, data, 64)
    for arch, found in zip(others, seen[::2], strict=True):
        alone = network(arch)
        recalibrate(alone, data.train, arch.resolution, 64)
        assert same_of_all(found, evaluate(alone, data.val, arch.resolution))
    without, alike = screen(network(small), [same(20), same(12)], data, 64)
    for found, expected in ((own, without), (seen[1], alike[0]), (seen[3], alike[1])):
        assert same_of_all(found, expected)
    assert not any(torch.equal(one.losses, two.losses) for one, two in itertools.combinations([own, *seen], 2))


def same_of_all(one: Judged, two: Judged) -> bool:
    return torch.equal(one.losses, two.losses) and torch.equal(one.answers, two.answers)


def test_an_edit_that_diverges_is_refused(data: Data, small: Architecture, parent: Path, tmp_path: Path) -> None:
    learner = Worker(data)
    state = dict(load_weights(parent, small).state)
    weight = state["head_classifier.linear.weight"]
    state["head_hidden.linear.bias"].fill_(1e30)
    state["head_classifier.linear.weight"] = torch.full_like(weight, 3e38) * torch.tensor([[1.0], [-1.0], [1.0], [1.0]])
    broken = tmp_path / "broken.safetensors"
    save_weights(broken, state)
    with pytest.raises(Diverged, match="no number"):
        learner(EvaluateEdits(small, broken, (Narrow(cuts(small)[0], 8),), Path()))
    refused = learner(Adapt(small, broken, Narrow(cuts(small)[0], 8), 1, 0, tmp_path / "child.safetensors"))
    assert "diverged" in refused.refused
    assert refused.losses == ()
    assert not (tmp_path / "child.safetensors").exists()
