import math
import pickle
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file

from nas.design.architecture import Architecture
from nas.design.edit import Narrow, cuts, width_of
from nas.nets.data import Data
from nas.nets.learner import Learner, LearnerSettings
from nas.nets.recipe import Recipe
from nas.search.ports import Adapt, Fit, Train


@pytest.fixture(scope="module")
def learner(data: Data) -> Learner:
    return Learner(data, 32)


@pytest.fixture(scope="module")
def weights(learner: Learner, small: Architecture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("trained") / "weights.safetensors"
    learner(Train(small, 0, 8, 8, 0, path))
    return path


def test_segments_equal_the_whole(learner: Learner, small: Architecture, tmp_path: Path) -> None:
    whole, half, rest = (tmp_path / f"{name}.safetensors" for name in ("whole", "half", "rest"))
    expected = learner(Train(small, 0, 2, 2, 5, whole))
    learner(Train(small, 0, 0.75, 2, 5, half))
    found = learner(Train(small, 0.75, 2, 2, 5, rest, start=half))
    assert found.losses == expected.losses
    one, two = load_file(whole), load_file(rest)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_job_twice_gives_the_same(learner: Learner, small: Architecture, weights: Path, tmp_path: Path) -> None:
    cut = cuts(small)[0]
    job = Adapt(small, weights, Narrow(cut, width_of(small, cut) // 2), 3, 0, tmp_path / "child.safetensors")
    one, two = learner(job), learner(job)
    assert one.losses == two.losses
    assert replace(one, seconds=0) == replace(two, seconds=0)


def test_a_child_keeps_most_of_what_its_parent_knew(
    learner: Learner, small: Architecture, weights: Path, tmp_path: Path
) -> None:
    cut = next(cut for cut in cuts(small) if cut.name == "s1b1.expansion")
    job = Adapt(small, weights, Narrow(cut, 24), 8, 0, tmp_path / "child.safetensors")
    adapted = learner(job)
    fresh = learner(Train(job.child, 0, 1, 1, 0, tmp_path / "fresh.safetensors"))
    assert adapted.score.accuracy > fresh.score.accuracy + 0.1


def test_fine_tuning_starts_from_bare_weights(
    learner: Learner, small: Architecture, weights: Path, tmp_path: Path
) -> None:
    tuned = learner(Train(small, 0, 1, 1, 0, tmp_path / "tuned.safetensors", start=weights, gentle=True))
    fresh = learner(Train(small, 0, 1, 1, 0, tmp_path / "fresh.safetensors"))
    assert tuned.score.accuracy > fresh.score.accuracy + 0.1


def test_fitting_makes_up_for_another_resolution(
    learner: Learner, small: Architecture, weights: Path, tmp_path: Path
) -> None:
    wide = replace(small, resolution=96)
    unfit = Learner(learner.data, 96)(Train(wide, 0, 0, 1, 0, tmp_path / "same.safetensors", start=weights))
    fitted = learner(Fit(wide, weights, 0, tmp_path / "fitted.safetensors"))
    assert fitted.score.accuracy > unfit.score.accuracy + 0.1


def test_losses_are_of_every_validation_image(learner: Learner, small: Architecture, weights: Path) -> None:
    found = learner(Fit(small, weights, 0, weights.with_name("same.safetensors")))
    assert found.score.count == len(found.losses) == len(learner.data.val)
    assert found.score.loss == pytest.approx(sum(found.losses) / len(found.losses), rel=1e-5)


def test_a_part_of_a_fit_is_less_of_all_it_does(learner: Learner, small: Architecture, weights: Path) -> None:
    part = learner(Fit(replace(small, resolution=96), weights, 0, weights.with_name("part.safetensors"), share=0.25))
    assert part.score.count == math.ceil(len(learner.data.val) / 4)
    recipe = Recipe(fit_steps=400, fit_photos=100, bridge_photos=64).with_share_of_fit(0.25)
    assert (recipe.fit_steps, recipe.fit_photos, recipe.bridge_photos) == (100, 25, 16)


def test_networks_of_a_smaller_deployment_train_at_a_smaller_side(
    learner: Learner, small: Architecture, tmp_path: Path
) -> None:
    """Deployed at 32 and 24 pixels, trained at 16 and 12; every job of the smaller is that of a learner at 12."""
    several, low = Learner(learner.data, 16, deployment=32), replace(small, resolution=24)
    one, two = Learner(learner.data, 16), Learner(learner.data, 12)
    out, other = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    assert several(Train(small, 0, 1, 1, 0, out)).losses == one(Train(small, 0, 1, 1, 0, out)).losses
    assert several(Train(low, 0, 1, 1, 0, out)).losses == two(Train(low, 0, 1, 1, 0, other)).losses
    assert several(Adapt(low, out, None, 2, 0, out)).losses == two(Adapt(low, other, None, 2, 0, other)).losses
    assert several(Fit(low, out, 0, out)).losses == two(Fit(low, other, 0, other)).losses


def test_settings_travel_to_other_processes() -> None:
    settings = LearnerSettings(64, Recipe(batch=16))
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301
