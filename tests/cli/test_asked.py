"""What follows from the options of a run."""

from pathlib import Path

import pytest
import torch
from msgspec.structs import fields, replace

from nas.cli.options.bench import Setup
from nas.cli.options.request import NetAdaptOptions, RunOptions, learner_of, processes, run_name, settings_of
from nas.cli.options.shared import RecipeChoice
from nas.design.known import known
from nas.nets.data.dataset import load_data
from nas.nets.training.recipe import RECIPES
from nas.search.pipeline.context import Settings
from tests.search.conftest import settings


def asked(**changes: object) -> Settings:
    return settings(**{"data": "photos/cats 0123", "runtime": "onnxruntime", **changes})


def common(**changes: object) -> RunOptions:
    required = dict.fromkeys(field.name for field in fields(RunOptions) if field.required)
    return RunOptions(**{**required, "seed": 0, "resolution": 224, "data": "digits", **changes})  # type: ignore[arg-type]


def test_one_process_a_core_trains_up_to_four(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, expected in ((1, 1), (3, 3), (64, 4)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, n=cores: set(range(n)))
        assert processes(common()) == expected
        assert processes(common(workers=7)) == 7
        assert processes(common(ray_address="auto")) == 1
    monkeypatch.setattr("nas.cli.options.request.device", lambda: torch.device("cuda"))
    assert processes(common()) == 1


@pytest.mark.parametrize(("mode", "steps", "expected"), [("cheap", None, 0), ("reference", None, 4), ("cheap", 8, 8)])
def test_cheap_proposals_are_not_tuned_unless_asked_for(mode: str, steps: int | None, expected: int) -> None:
    task = NetAdaptOptions(known("mobilenet_v3_small", 10), None)
    found = settings_of(
        common(mode=mode, steps=steps, setup=Setup(), recipe="modern"), task, (5.0,), load_data("digits")
    )
    assert (found.mode, found.steps) == (mode, expected)


def test_the_recipes_of_the_command_are_those_there_are() -> None:
    assert [recipe.value for recipe in RecipeChoice] == list(RECIPES)


def test_learner_of_takes_the_recipe_and_the_resolution_of_the_first_steps_asked_for() -> None:
    assert learner_of(asked(recipe="paper")).recipe == RECIPES["paper"] != RECIPES["modern"]
    learner = learner_of(asked(recipe="paper", train_resolution=48, resolution=160))
    assert learner.recipe == replace(RECIPES["paper"], small=48)
    assert learner.recipe.small_resolution(160) == 48 != RECIPES["paper"].small_resolution(160)


def test_settings_of_leave_the_resolution_of_the_first_steps_to_the_recipe() -> None:
    task = NetAdaptOptions(known("mobilenet_v3_small", 10), None)
    for side in (None, 48):
        given = common(setup=Setup(), recipe="modern", train_resolution=side)
        assert settings_of(given, task, (5.0,), load_data("digits")).train_resolution == side


def test_a_run_folder_is_named_after_all_its_targets() -> None:
    given, task = common(setup=Setup()), NetAdaptOptions(known("mobilenet_v3_small", 10), None)
    one = run_name(given, task, (8.0,), "photos/cats")
    assert one == "netadapt-8ms-cats-onnxruntime-seed0"
    assert run_name(given, task, (8.0, 10.5), "photos/cats") == one.replace("8ms", "8ms-10.5ms")
    assert Path(one).name == one
