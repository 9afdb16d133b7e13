import gc
import pickle
import weakref
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file

from nas.design.architecture import Architecture
from nas.design.edits.edit import Narrow, cuts, width_of
from nas.design.graph import lower
from nas.errors import NasError
from nas.jobs import Adapt, Train
from nas.nets.data.dataset import Data
from nas.nets.network import Network, with_weights
from nas.nets.training.batches import placed
from nas.nets.training.loop import evaluate
from nas.nets.training.recipe import Recipe
from nas.nets.training.resumable import course_of
from nas.nets.weights.weights_file import load_weights
from nas.nets.worker import Worker, WorkerSettings

PROGRESSIVE = Recipe(small=16)


@pytest.fixture(scope="module")
def learner(data: Data) -> Worker:
    return Worker(data)


@pytest.fixture(scope="module")
def weights(learner: Worker, small: Architecture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("trained") / "weights.safetensors"
    learner(Train(small, 0, 8, 8, 0, path))
    return path


def test_segments_equal_the_whole(learner: Worker, small: Architecture, tmp_path: Path) -> None:
    whole, half, rest = (tmp_path / f"{name}.safetensors" for name in ("whole", "half", "rest"))
    expected = learner(Train(small, 0, 2, 2, 5, whole))
    learner(Train(small, 0, 0.75, 2, 5, half))
    found = learner(Train(small, 0.75, 2, 2, 5, rest, start=half))
    assert found.losses == expected.losses
    one, two = load_file(whole), load_file(rest)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_job_twice_gives_the_same(learner: Worker, small: Architecture, weights: Path, tmp_path: Path) -> None:
    cut = cuts(small)[0]
    job = Adapt(small, weights, Narrow(cut, width_of(small, cut) // 2), 3, 0, tmp_path / "child.safetensors")
    one, two = learner(job), learner(job)
    assert one.losses == two.losses
    assert replace(one, seconds=0) == replace(two, seconds=0)


def test_a_learner_holds_no_network_that_its_next_job_does_not_need(
    data: Data, small: Architecture, weights: Path, tmp_path: Path
) -> None:
    learner, kept = Worker(data), list[weakref.ref[Network]]()
    learner(Adapt(small, weights, None, 0, 0, tmp_path / "same.safetensors"))
    assert learner._parent is not None
    kept.append(weakref.ref(learner._parent[1].network))
    learner(Train(small, 0, 0, 1, 0, tmp_path / "trained.safetensors", start=weights))
    gc.collect()
    assert kept[0]() is None


def test_a_learner_gives_memory_back_even_if_a_job_fails(
    data: Data, small: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed: list[bool] = []
    monkeypatch.setattr("nas.nets.worker.trim_memory", lambda: trimmed.append(True))
    with pytest.raises(NasError):
        Worker(data)(Adapt(small, tmp_path / "missing.safetensors", None, 0, 0, tmp_path / "out.safetensors"))
    assert trimmed == [True]


def test_a_child_keeps_most_of_what_its_parent_knew(
    learner: Worker, small: Architecture, weights: Path, tmp_path: Path
) -> None:
    cut = next(cut for cut in cuts(small) if cut.name == "s1b1.expansion")
    job = Adapt(small, weights, Narrow(cut, 24), 8, 0, tmp_path / "child.safetensors")
    adapted = learner(job)
    fresh = learner(Train(job.child, 0, 1, 1, 0, tmp_path / "fresh.safetensors"))
    assert adapted.score.accuracy > fresh.score.accuracy + 0.1


def test_fine_tuning_starts_from_bare_weights(
    learner: Worker, small: Architecture, weights: Path, tmp_path: Path
) -> None:
    tuned = learner(Train(small, 0, 1, 1, 0, tmp_path / "tuned.safetensors", start=weights, gentle=True))
    fresh = learner(Train(small, 0, 1, 1, 0, tmp_path / "fresh.safetensors"))
    assert tuned.score.accuracy > fresh.score.accuracy + 0.1


def test_learner_looks_at_every_validation_image(
    learner: Worker, small: Architecture, weights: Path, tmp_path: Path
) -> None:
    found = learner(Train(small, 0, 0, 1, 0, tmp_path / "same.safetensors", start=weights))
    assert found.score.count == len(found.losses) == len(learner.data.val)
    assert found.score.loss == pytest.approx(sum(found.losses) / len(found.losses), rel=1e-5)


def test_course_of_counts_small_steps_of_the_whole_schedule(small: Architecture, data: Data) -> None:
    """8 mini-batches an epoch: of 32 steps the last half is at full size."""
    course = course_of(Train(small, 1, 2.5, 4, 3, Path()), data, PROGRESSIVE)
    assert (course.first, course.last, course.total, course.resolution) == (8, 20, 32, small.resolution)
    assert course.small_steps == 16
    assert course_of(Train(small, 1, 2.5, 4, 3, Path()), data, Recipe()).small_steps == 0


@pytest.mark.parametrize("middle", [0.375, 0.5, 0.75], ids=["before the switch", "at the switch", "after the switch"])
def test_segments_across_the_switch_of_resolution_equal_the_whole(
    middle: float, small: Architecture, data: Data, tmp_path: Path
) -> None:
    """8 steps, of which the first 4 see images of 16 px."""
    learner = Worker(data, PROGRESSIVE)
    whole, half, rest = (tmp_path / f"{name}.safetensors" for name in ("whole", "half", "rest"))
    expected = learner(Train(small, 0, 1, 1, 5, whole))
    learner(Train(small, 0, middle, 1, 5, half))
    found = learner(Train(small, middle, 1, 1, 5, rest, start=half))
    assert found.losses == expected.losses
    assert whole.read_bytes() == rest.read_bytes() != half.read_bytes()


def test_a_progressive_training_is_another_than_one_at_full_size(
    learner: Worker, small: Architecture, tmp_path: Path
) -> None:
    job = Train(small, 0, 1, 1, 5, tmp_path / "weights.safetensors")
    assert Worker(learner.data, PROGRESSIVE)(job).losses != learner(job).losses


def test_every_job_ends_at_the_resolution_of_its_network(
    data: Data, small: Architecture, tiny: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same learner trains networks of 32 and of 16 px; only the first steps of a training see smaller images."""
    seen: list[tuple[bool, int]] = []
    run = Network.outputs_from

    def spy(self: Network, images: Sequence[torch.Tensor], first: int) -> tuple[torch.Tensor, ...]:
        seen.append((self.training, images[0].shape[-1]))
        return run(self, images, first)

    monkeypatch.setattr(Network, "outputs_from", spy)
    learner, out = Worker(data, replace(PROGRESSIVE, small=8)), tmp_path / "weights.safetensors"
    for arch in (small, tiny):
        learner(Train(arch, 0, 1, 1, 0, out))
        assert [size for training, size in seen if training] == [8] * 4 + [arch.resolution] * 4
        assert {size for training, size in seen if not training} == {arch.resolution}
        seen.clear()
        learner(Adapt(arch, out, None, 2, 0, out))
        assert len(seen) > 2
        assert {size for _, size in seen} == {arch.resolution}
        seen.clear()


def test_learner_scores_a_network_at_its_own_resolution(
    learner: Worker, small: Architecture, tiny: Architecture, weights: Path, tmp_path: Path
) -> None:
    """Against a look of our own at the weights that were written; the other resolution gives other losses."""
    for arch, other in ((small, 16), (tiny, 32)):
        out = tmp_path / "weights.safetensors"
        for job in (Train(arch, 0, 0.25, 1, 0, out, start=weights), Adapt(arch, weights, None, 1, 0, out)):
            found = learner(job)
            network = placed(with_weights(lower(arch), load_weights(out, arch).state))
            losses = evaluate(network, learner.data.val, arch.resolution).losses
            assert found.losses == pytest.approx(losses.tolist(), rel=1e-4, abs=1e-5)
            elsewhere = evaluate(network, learner.data.val, other).losses
            assert found.losses != pytest.approx(elsewhere.tolist(), rel=1e-2, abs=1e-2)


def test_settings_travel_to_other_processes() -> None:
    settings = WorkerSettings(Recipe(batch=16, small=64), threads=2)
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301
