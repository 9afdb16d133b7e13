"""Recipes: schedules, averages, checkpoints that hold all that a training goes on with, teachers, sides of images."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from nas.design.sides import side_at
from safetensors.torch import load_file

from nas.design.architecture import Architecture
from nas.design.plan import lower
from nas.errors import NasError
from nas.nets.batches import reduced
from nas.nets.build import build
from nas.nets.data import Data, Split
from nas.nets.descent import Average, optimiser_of
from nas.nets.learner import Learner
from nas.nets.recipe import RECIPES, Recipe, average_decay, default_train_resolution, rate_at
from nas.nets.train import Course, loss_of, train
from nas.search.ports import Teacher, Train

AVERAGED = replace(Recipe(), average=0.9)


@pytest.mark.parametrize("recipe", [RECIPES["paper"], AVERAGED])
def test_segments_equal_the_whole(recipe: Recipe, small: Architecture, data: Data, tmp_path: Path) -> None:
    """Of 48 steps, more than the twenty below which nothing is averaged."""
    learner = Learner(data, 16, recipe)
    whole, half, rest = (tmp_path / f"{name}.safetensors" for name in ("whole", "half", "rest"))
    expected = learner(Train(small, 0, 6, 6, 5, whole))
    learner(Train(small, 0, 2.5, 6, 5, half))
    found = learner(Train(small, 2.5, 6, 6, 5, rest, start=half))
    assert found.losses == expected.losses
    one, two = load_file(whole), load_file(rest)
    assert one.keys() == two.keys()
    assert any(name.endswith(".raw") for name in one)
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_learns(name: str, small: Architecture, data: Data, tmp_path: Path) -> None:
    """Four classes; chance is 25 %."""
    outcome = Learner(data, 32, RECIPES[name])(Train(small, 0, 12, 12, 1, tmp_path / "weights.safetensors"))
    assert outcome.score.accuracy > 0.6


def test_a_checkpoint_of_another_recipe_is_refused(small: Architecture, data: Data, tmp_path: Path) -> None:
    half, rest = tmp_path / "half.safetensors", tmp_path / "rest.safetensors"
    Learner(data, 16)(Train(small, 0, 1, 6, 5, half))
    for recipe in (RECIPES["paper"], AVERAGED):
        with pytest.raises(NasError, match=r"stem.conv.weight: .* another recipe .* --fresh"):
            Learner(data, 16, recipe)(Train(small, 1, 6, 6, 5, rest, start=half))


def test_an_average_is_the_sum_of_its_definition(small: Architecture) -> None:
    network = build(lower(small))
    average, parameter = Average(network, 0.75), next(iter(network.parameters()))
    with torch.no_grad():
        parameter.fill_(0.0)
        average.values[0].fill_(8.0)
        for value in (4.0, 0.0):
            parameter.fill_(value)
            average.update()
    assert float(average.values[0].min()) == float(average.values[0].max()) == 0.75 * (0.75 * 8 + 0.25 * 4)
    average.swap()
    assert float(parameter.detach().mean()) == 5.25
    assert float(average.values[0].abs().max()) == 0.0


@given(st.integers(1, 10**6))
def test_averages_look_back_over_a_twentieth_of_the_schedule(total: int) -> None:
    decay = average_decay(RECIPES["paper"], total)
    assert 0 <= decay <= 0.9999
    assert decay == 0 or 1 / (1 - decay) <= max(20, total / 20 + 1e-6)
    assert average_decay(replace(Recipe(), average=0.0), total) == 0


@given(st.integers(1, 500), st.floats(0.01, 0.9))
def test_an_exponential_schedule_falls_by_one_factor_to_what_is_left(total: int, left: float) -> None:
    rates = [rate_at(step, total, 2.0, 0.0, left) for step in range(total)]
    assert rates == pytest.approx([2 * left ** (step / total) for step in range(total)])


def test_norms_and_biases_are_not_decayed_in_any_recipe(small: Architecture) -> None:
    for recipe in RECIPES.values():
        decayed, others = optimiser_of(build(lower(small)), recipe).param_groups
        assert decayed["weight_decay"] == recipe.weight_decay
        assert others["weight_decay"] == 0


def test_the_loss_with_a_teacher_is_the_published_one() -> None:
    """One image, two classes, label 0: logits 0 and 0 against a teacher's 0 and T ln 3, which says 1/4 and 3/4."""
    recipe = replace(Recipe(), distil=0.25, temperature=2.0, smoothing=0.0)
    student, teacher = Said([0.0, 0.0]), Said([0.0, 2 * math.log(3)])
    gap = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    found = loss_of(student, teacher, torch.zeros(1, 1), torch.tensor([0]), recipe)  # type: ignore[arg-type]
    assert float(found) == pytest.approx(0.75 * math.log(2) + 0.25 * 4 * gap)


class Said(torch.nn.Module):
    """Says the same of every image."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor([logits])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), -1)


def test_a_teacher_is_heard_as_far_as_the_recipe_says(small: Architecture, data: Data, tmp_path: Path) -> None:
    weights = tmp_path / "teacher.safetensors"
    job = Train(small, 0, 1, 1, 4, weights)
    taught = replace(job, out=tmp_path / "student.safetensors", teacher=Teacher(small, weights))
    alone = Learner(data, 16)(job)
    assert Learner(data, 16, replace(Recipe(), distil=0.0))(taught).losses == alone.losses
    assert Learner(data, 16)(taught).losses != alone.losses


@given(st.sampled_from((32, 48, 64, 112, 128)), st.sampled_from((160, 192, 224)))
def test_sides_of_images_are_in_the_ratio_of_deployment(train_resolution: int, resolution: int) -> None:
    side = side_at(resolution, 224, train_resolution)
    assert abs(side - train_resolution * resolution / 224) <= 2
    assert side % 4 == 0
    assert side_at(resolution, resolution, train_resolution) == train_resolution
    assert side_at(resolution, None, train_resolution) == train_resolution
    assert len({side_at(each, 224, train_resolution) for each in (160, 192, 224)}) == 3


def test_half_precision_trains_to_finite_weights(
    small: Architecture, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a GPU does, on the CPU."""
    assert not reduced(torch.device("cpu"))._enabled
    monkeypatch.setattr("nas.nets.train.reduced", lambda where: torch.autocast(where.type, torch.bfloat16))
    network = build(lower(small))
    train(network, optimiser_of(network, Recipe()), data.train, Course(0, 3, 3, 0.1, 16, 0, mirror=False), Recipe())
    assert all(bool(torch.isfinite(p).all()) and p.dtype == torch.float32 for p in network.parameters())


@pytest.mark.parametrize(
    ("size", "deployment", "side"),
    [(8, 224, 64), (8, 96, 32), (28, 28, 28), (64, 224, 64), (500, 224, 128), (500, 96, 96)],
)
def test_networks_are_trained_near_enough_to_what_they_are_deployed_at(size: int, deployment: int, side: int) -> None:
    split = Split(torch.zeros(1, 1, size, size, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    assert default_train_resolution(Data("some", ("a", "b"), split, split, split, "0" * 12), deployment) == side
