"""Recipes: schedules, averages, checkpoints that hold all that a training goes on with, teachers, resolutions."""

import math
from pathlib import Path
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from safetensors.torch import load_file
from torch.nn import functional as F

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.errors import NasError
from nas.jobs import AugmentName, RecipeName, Teacher, Train
from nas.nets.data.dataset import Data, Split
from nas.nets.network import build
from nas.nets.tasks.classification import Classification
from nas.nets.training.augment.augmentation import STANDARD, STRONG, Augmentation, augmentation_of
from nas.nets.training.batches import reduced, resized
from nas.nets.training.loop import TrainingRun, loss_of, resolution_at, train
from nas.nets.training.optim import Average, optimiser_of
from nas.nets.training.recipe import RECIPES, Recipe, average_decay, choose_recipe, rate_at
from nas.nets.worker import Worker

AVERAGED = replace(Recipe(), average=0.9)
EVERYTHING = augmentation_of(get_args(AugmentName))


@pytest.mark.parametrize(
    "recipe", [replace(RECIPES["paper"], small=8), replace(AVERAGED, small=8, augmentation=EVERYTHING)]
)
def test_segments_equal_the_whole(recipe: Recipe, tiny: Architecture, data: Data, tmp_path: Path) -> None:
    """Of 48 steps, more than the twenty below which nothing is averaged; the first 33 see images of 8 px.

    The first part ends in the middle of an epoch. Images have colour, so that they are mirrored too.
    """
    data = replace(data, train=Split(data.train.images.expand(-1, 3, -1, -1), data.train.labels))
    learner = Worker(data, recipe)
    whole, half, rest = (tmp_path / f"{name}.safetensors" for name in ("whole", "half", "rest"))
    expected = learner(Train(tiny, 0, 6, 6, 5, whole))
    learner(Train(tiny, 0, 2.5, 6, 5, half))
    found = learner(Train(tiny, 2.5, 6, 6, 5, rest, start=half))
    assert found.losses == expected.losses
    one, two = load_file(whole), load_file(rest)
    assert one.keys() == two.keys()
    assert any(name.endswith(".raw") for name in one)
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_learns(name: RecipeName, small: Architecture, data: Data, tmp_path: Path) -> None:
    """Four classes; chance is 25 %. After 96 steps a recipe for long trainings has not come far."""
    outcome = Worker(data, RECIPES[name])(Train(small, 0, 12, 12, 1, tmp_path / "weights.safetensors"))
    assert outcome.score.accuracy > (0.4 if name == "strong" else 0.6)


def test_a_checkpoint_of_another_recipe_is_refused(tiny: Architecture, data: Data, tmp_path: Path) -> None:
    half, rest = tmp_path / "half.safetensors", tmp_path / "rest.safetensors"
    Worker(data)(Train(tiny, 0, 1, 6, 5, half))
    for recipe in (RECIPES["paper"], AVERAGED):
        with pytest.raises(NasError, match=r"stem.conv.weight: .* another recipe .* --fresh"):
            Worker(data, recipe)(Train(tiny, 1, 6, 6, 5, rest, start=half))


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
    found = loss_of(Classification(), student.outputs, teacher, torch.zeros(1, 3, 8, 8), torch.tensor([0]), 8, recipe)  # type: ignore[arg-type]
    assert float(found) == pytest.approx(0.75 * math.log(2) + 0.25 * 4 * gap)


def test_the_loss_of_mixed_images_is_that_of_both_labels() -> None:
    """Logits ln 3 and 0 say 3/4 and 1/4. A quarter is of the first class; smoothing by 0.2 makes it 0.3 and 0.7."""
    student = Said([math.log(3), 0.0])
    shares, images = torch.tensor([[0.25, 0.75]]), torch.zeros(1, 3, 8, 8)
    alone = 0.3 * math.log(4 / 3) + 0.7 * math.log(4)
    found = loss_of(Classification(), student.outputs, None, images, shares, 8, replace(Recipe(), smoothing=0.2))
    assert float(found) == pytest.approx(alone)
    recipe = replace(Recipe(), smoothing=0.2, distil=0.25, temperature=1.0)
    taught = loss_of(Classification(), student.outputs, Said([0.0, 0.0]), images, shares, 8, recipe)  # type: ignore[arg-type]
    gap = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert float(taught) == pytest.approx(0.75 * alone + 0.25 * gap)


def test_the_loss_of_a_batch_that_is_not_mixed_is_that_of_its_labels() -> None:
    labels, logits = torch.tensor([2, 0, 1]), torch.randn(3, 3)
    shares = F.one_hot(labels, 3).float()
    one, two = (
        loss_of(Classification(), lambda _: (logits,), None, torch.zeros(3, 3, 8, 8), it, 8, Recipe())
        for it in (labels, shares)
    )
    assert float(one) == pytest.approx(float(two))


class Said(torch.nn.Module):
    """Says the same of every image."""

    resolution = 8

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor([logits])

    def outputs(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.logits.expand(len(images), -1),)


def test_a_teacher_is_heard_as_far_as_the_recipe_says(tiny: Architecture, data: Data, tmp_path: Path) -> None:
    weights = tmp_path / "teacher.safetensors"
    job = Train(tiny, 0, 1, 1, 4, weights)
    taught = replace(job, out=tmp_path / "student.safetensors", teacher=Teacher(tiny, weights))
    alone = Worker(data)(job)
    assert Worker(data, replace(Recipe(), distil=0.0))(taught).losses == alone.losses
    assert Worker(data)(taught).losses != alone.losses


@pytest.mark.parametrize("augmentation", [STANDARD, STRONG])
@pytest.mark.parametrize(("resolution", "teachers"), [(16, 32), (32, 16)])
def test_a_teacher_sees_the_same_images_at_its_own_resolution(
    resolution: int, teachers: int, augmentation: Augmentation, small: Architecture, data: Data
) -> None:
    """Two steps at 8 px and two at full size; the teacher is for larger images than the student, or for smaller."""
    recipe = replace(Recipe(), small=8, augmentation=augmentation)
    seen: dict[str, list[torch.Tensor]] = {"student": [], "teacher": []}
    student, teacher = (build(lower(replace(small, resolution=side))) for side in (resolution, teachers))
    for name, network in (("student", student), ("teacher", teacher.eval())):
        stem = network.get_submodule("stem")
        stem.register_forward_pre_hook(lambda _, given, name=name: seen[name].append(given[0]))
    course = TrainingRun(0, 4, 4, 0.1, resolution, 0, mirror=False, small_steps=2)
    train(student, optimiser_of(student, recipe), data.train, course, recipe, teacher=teacher)
    assert [images.shape[-1] for images in seen["student"]] == [8, 8, resolution, resolution]
    assert [images.shape[-1] for images in seen["teacher"]] == [teachers] * 4
    for both in zip(seen["student"], seen["teacher"], strict=True):
        larger, smaller = sorted(both, key=lambda images: -images.shape[-1])
        torch.testing.assert_close(resized(larger, smaller.shape[-1]), smaller)


RESOLUTIONS = st.integers(4, 64).map(lambda eighths: 8 * eighths)


@given(st.integers(8, 512), st.integers(8, 512))
def test_small_resolution_that_was_asked_for_is_taken_up_to_full_size(resolution: int, small: int) -> None:
    assert Recipe(small=small).small_resolution(resolution) == min(small, resolution)


def test_a_training_is_at_full_size_unless_a_smaller_one_is_asked_for() -> None:
    assert Recipe().small_steps(1000) == 0
    assert Recipe().small_resolution(96) == 96


@pytest.mark.parametrize(("total", "expected"), [(0, 0), (1, 0), (2, 1), (10, 7), (11, 7), (1000, 700)])
def test_small_steps_leave_the_share_at_full_size_rounded_up(total: int, expected: int) -> None:
    assert Recipe(small=32, full_share=0.3).small_steps(total) == expected


@given(st.integers(1, 10**5), st.floats(0.0, 1.0))
def test_small_steps_leave_at_least_one_step_at_full_size(total: int, full_share: float) -> None:
    full = total - Recipe(small=32, full_share=full_share).small_steps(total)
    assert 1 <= full <= total
    assert full_share * total <= full < max(1, full_share * total) + 1


@given(st.integers(0, 40), st.integers(0, 40), RESOLUTIONS)
def test_resolution_at_is_small_up_to_the_switch_and_full_from_then_on(
    small_steps: int, step: int, resolution: int
) -> None:
    course = TrainingRun(0, 40, 40, 0.1, 32, 0, mirror=False, small_steps=small_steps)
    found = resolution_at(step, course, resolution, Recipe(small=48))
    assert found == (min(48, resolution) if step < small_steps else resolution)


def test_half_precision_trains_to_finite_weights(
    small: Architecture, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a GPU does, on the CPU: depthwise convolutions are the ordinary ones there."""

    def ordinary(images: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
        return F.conv2d(images, weight, None, stride, weight.shape[-1] // 2, 1, len(weight))

    assert not reduced(torch.device("cpu"))._enabled
    monkeypatch.setattr("nas.nets.training.loop.reduced", lambda where: torch.autocast(where.type, torch.bfloat16))
    monkeypatch.setattr("nas.nets.modules.depthwise", ordinary)
    network = build(lower(small))
    train(
        network, optimiser_of(network, Recipe()), data.train, TrainingRun(0, 3, 3, 0.1, 16, 0, mirror=False), Recipe()
    )
    assert all(bool(torch.isfinite(p).all()) and p.dtype == torch.float32 for p in network.parameters())


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_dense_recipe_shows_whole_objects_at_one_size(name: RecipeName) -> None:
    found = choose_recipe(name, 32, None, "detection")
    assert found.small is None
    assert not {"mixup", "cutmix", "erasing"} & set(found.augmentation.names)
    assert {"crop", "flip"} <= set(found.augmentation.names)
    asked = choose_recipe(name, None, ("flip", "mixup"), "segmentation")
    assert asked.augmentation.names == ("flip",)
    assert choose_recipe(name, 32).small == 32
