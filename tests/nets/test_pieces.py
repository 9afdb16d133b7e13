"""Pieces of a block library: trained alone, judged in their place, put together."""

from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file

from nas.design.alternatives import Alternative, alternatives, assembled
from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.jobs import Assemble, Train, TrainPieces
from nas.nets.data.dataset import Data
from nas.nets.library.assemble import assembled_state, read_library
from nas.nets.library.pieces import span
from nas.nets.network import with_weights
from nas.nets.training.batches import inputs
from nas.nets.weights.weights_file import load_weights
from nas.nets.worker import Worker


@pytest.fixture(scope="module")
def learner(data: Data) -> Worker:
    return Worker(data)


@pytest.fixture(scope="module")
def teacher(learner: Worker, small: Architecture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    learner(Train(small, 0, 4, 4, 0, path))
    return path


def group_with_nothing(arch: Architecture) -> tuple[Alternative, ...]:
    """The alternatives of a block that has a shortcut around it and an expansion."""
    return next(group for group in alternatives(arch) if group[-1].instead is None and len(group) > 3)


def test_a_piece_that_learns_longer_comes_nearer_to_its_block(
    learner: Worker, small: Architecture, teacher: Path, tmp_path: Path, data: Data
) -> None:
    """What a piece is taught is what the block gives; a squeezed one in its place gets nearer with more steps."""
    group = group_with_nothing(small)
    narrow = min((one for one in group if one.instead), key=lambda one: one.instead.expanded or 0)  # type: ignore[union-attr]
    whole = with_weights(lower(small), load_weights(teacher, small).state).eval()
    first, stop = span(whole.graph, narrow.place)
    with torch.inference_mode():
        taken = whole.run([inputs(data.train.images[:64], small.resolution)], 0, first)
        wanted = whole.run([taken], first, stop)
    missed = []
    for epochs in (0.1, 10.0):
        out = tmp_path / f"{epochs}.safetensors"
        learner(TrainPieces(small, teacher, (narrow,), epochs, 0, out))
        child = assembled(small, [narrow])
        state = assembled_state(small, load_weights(teacher, small).state, [narrow], load_file(out))
        # The norms of a network are estimated anew before it is judged.
        network = with_weights(lower(child), state).train()
        with torch.inference_mode():
            missed.append(float((network.run([taken], *span(network.graph, narrow.place)) - wanted).square().mean()))
    assert missed[1] < 0.9 * missed[0]


def test_alternatives_are_judged_as_the_network_with_each_alone(
    learner: Worker, small: Architecture, teacher: Path, tmp_path: Path
) -> None:
    group = group_with_nothing(small)
    out = tmp_path / "pieces.safetensors"
    found = learner(TrainPieces(small, teacher, group, 0.5, 0, out))
    assert len(found.edits) == len(group)
    other = Worker(learner.data, replace(learner.recipe, norm_images=learner.recipe.adapt_norm_images))
    for one, seen in zip(group, found.edits, strict=True):
        job = Assemble(small, teacher, (one,), (out,), small.resolution, tmp_path / "x.safetensors")
        # The norms before the piece are the network's own here, and estimated anew there.
        assert other(job).score.loss == pytest.approx(seen.score.loss, rel=0.2)


def test_without_pieces_the_network_is_itself(small: Architecture, teacher: Path) -> None:
    state = load_weights(teacher, small).state
    assert all(torch.equal(value, state[name]) for name, value in assembled_state(small, state, [], {}).items())


def test_dropped_blocks_leave_the_others_with_their_own_weights(
    learner: Worker, small: Architecture, teacher: Path, tmp_path: Path
) -> None:
    """The blocks behind a dropped one have new names; their tensors are the old ones."""
    nothing = group_with_nothing(small)[-1]
    state = load_weights(teacher, small).state
    found = assembled_state(small, state, [nothing], {})
    left = [value for name, value in state.items() if not name.startswith(f"{nothing.place}_")]
    assert len(found) == len(left)
    assert all(torch.equal(a, b) for a, b in zip(found.values(), left, strict=True))


def test_a_network_put_together_keeps_its_weights_only_where_they_are_wanted(
    learner: Worker, small: Architecture, teacher: Path, tmp_path: Path
) -> None:
    groups = [group for group in alternatives(small) if group[0].instead is not None][:2]
    files = []
    for number, group in enumerate(groups):
        files.append(tmp_path / f"{number}.safetensors")
        learner(TrainPieces(small, teacher, group[:2], 0.2, 0, files[-1]))
    chosen = tuple(group[0] for group in groups)
    job = Assemble(small, teacher, chosen, tuple(files), 32, tmp_path / "whole.safetensors")
    looked = learner(job)
    assert not job.out.exists()
    kept = learner(replace(job, keep=True))
    np.testing.assert_array_equal(kept.losses, looked.losses)
    arch = replace(assembled(small, chosen), resolution=32)
    assert not load_weights(job.out, arch).fresh
    assert set(read_library(files)) == {
        f"{one.name}/{part}"
        for group in groups
        for one in group[:2]
        for part in (
            name.partition("_")[2]
            for name in load_weights_of(assembled(small, [one]))
            if name.startswith(f"{one.place}_")
        )
    }


def load_weights_of(arch: Architecture) -> list[str]:
    """The names of all tensors of a network."""
    from nas.nets.weights.weights_file import shapes

    return list(shapes(lower(arch)))
