"""What follows from the options of a run."""

from pathlib import Path
from typing import get_args

import pytest
import torch
from msgspec.structs import replace

from nas.algorithms.pipeline.context import Settings
from nas.api.options.augment import describe_left_out
from nas.api.options.choices import learner_of, processes, run_name, settings_of
from nas.api.options.structs import NetAdaptOptions, SearchOptions, TrainOptions
from nas.api.options.subject import NetworkSubject, SpaceSubject
from nas.design.known import known
from nas.design.space import load_space
from nas.errors import NasError
from nas.jobs import AugmentName, RecipeName
from nas.nets.data.dataset import load_data
from nas.nets.training.recipe import RECIPES
from tests.algorithms.conftest import settings


def asked(**changes: object) -> Settings:
    return settings(**{"data": "photos/cats 0123", "runtime": "onnxruntime", **changes})


SUBJECT = NetworkSubject(known("mobilenet_v3_small", 10), None, 224)


def given(**changes: object) -> NetAdaptOptions:
    required = {"source": "mobilenet_v3_small", "target_latency": "5ms", "data": "digits"}
    return NetAdaptOptions(**{**required, **changes})  # type: ignore[arg-type]


def test_one_process_a_core_trains_up_to_four(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, expected in ((1, 1), (3, 3), (64, 4)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, n=cores: set(range(n)))
        assert processes(given()) == expected
        assert processes(given(workers=7)) == 7
        assert processes(given(ray_address="auto")) == 1
    monkeypatch.setattr("nas.api.options.choices.device", lambda: torch.device("cuda"))
    assert processes(given()) == 1


@pytest.mark.parametrize(("mode", "steps", "expected"), [("cheap", None, 0), ("reference", None, 4), ("cheap", 8, 8)])
def test_cheap_proposals_are_not_tuned_unless_asked_for(mode: str, steps: int | None, expected: int) -> None:
    found = settings_of(given(mode=mode, steps=steps), SUBJECT, (5.0,), load_data("digits"))
    assert (found.mode, found.steps) == (mode, expected)


def test_the_recipes_of_the_command_are_those_there_are() -> None:
    assert list(get_args(RecipeName)) == list(RECIPES)


def test_learner_of_takes_the_recipe_and_the_resolution_of_the_first_steps_asked_for() -> None:
    assert learner_of(asked(recipe="paper")).recipe == RECIPES["paper"] != RECIPES["modern"]
    learner = learner_of(asked(recipe="paper", train_resolution=48, resolution=160))
    assert learner.recipe == replace(RECIPES["paper"], small=48)
    assert learner.recipe.small_resolution(160) == 48 != RECIPES["paper"].small_resolution(160)


@pytest.mark.parametrize(
    ("augment", "names"), [(None, ("shift", "flip")), ("none", ()), (" mixup,crop ", ("crop", "mixup"))]
)
def test_settings_and_learner_have_the_augmentations_asked_for(
    augment: str | None, names: tuple[AugmentName, ...]
) -> None:
    settings = settings_of(given(augment=augment), SUBJECT, (5.0,), load_data("digits"))
    assert settings.augment == (None if augment is None else names)
    assert learner_of(settings).recipe.augmentation.names == names


@pytest.mark.parametrize(
    ("augment", "told"),
    [
        (
            "crop,mixupp",
            r"'crop,mixupp': 'mixupp' is no augmentation\. Did you mean mixup\? Take some of shift,",
        ),
        ("", "'' is no augmentation"),
        ("none,crop", "none stands alone"),
    ],
)
def test_unknown_augmentations_are_refused_with_the_nearest(augment: str, told: str) -> None:
    for make in (lambda: given(augment=augment), lambda: TrainOptions(augment=augment)):
        with pytest.raises(NasError, match=told):
            make()


def test_flips_that_data_does_not_allow_are_told() -> None:
    assert list(describe_left_out(("crop", "flip"), mirror=True)) == []
    assert list(describe_left_out(None, mirror=False)) == []
    [said] = describe_left_out(("flip", "mixup"), True, "detection")
    assert said.startswith("--augment mixup is left out: of detection no label")
    [told] = describe_left_out(("crop", "flip", "vertical-flip"), mirror=False)
    assert told.startswith("--augment flip,vertical-flip is left out")


def test_settings_of_leave_the_resolution_of_the_first_steps_to_the_recipe() -> None:
    for side in (None, 48):
        found = settings_of(given(train_resolution=side), SUBJECT, (5.0,), load_data("digits"))
        assert found.train_resolution == side


def test_settings_name_what_the_caller_brought() -> None:
    options = SearchOptions(target_latency="5ms", space="mobilenet_v3_small")
    space = SpaceSubject(load_space("mobilenet_v3_small"), 96)
    data = load_data("digits")
    assert settings_of(options, space, (5.0,), data).evaluator == "supernet"
    found = settings_of(options, space, (5.0,), data, {"evaluator": "mine.score", "sampler": "mine.sampler"})
    assert (found.evaluator, found.sampler, found.trial_epochs, found.own["evaluator"]) == (
        "own",
        "own",
        1,
        "mine.score",
    )


def test_a_run_folder_is_named_after_all_its_targets() -> None:
    one = run_name(given(), (8.0,), "photos/cats")
    assert one == "netadapt-8ms-cats-onnxruntime-seed0"
    assert run_name(given(), (8.0, 10.5), "photos/cats") == one.replace("8ms", "8ms-10.5ms")
    assert Path(one).name == one
