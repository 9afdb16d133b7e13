"""A plan is made once, printed, kept, and repeated by a run that goes on."""

from pathlib import Path

import pytest

from nas.algorithms.pipeline.context import Settings
from nas.algorithms.pipeline.run_folder import open_run
from nas.algorithms.planning.run_plan import RunPlan
from nas.algorithms.planning.time_budget import Rates
from nas.api.options.choices import settings_of
from nas.api.options.structs import SearchOptions
from nas.api.options.subject import SpaceSubject
from nas.api.running import plans
from nas.api.running.short_budget import with_evaluator
from nas.bench.bench import LocalBench
from nas.design.files import write_json
from nas.design.space import load_space
from nas.errors import InvalidRun, NasError
from nas.interfaces import say_nothing
from nas.nets.data.dataset import Data, load_data
from nas.resources import MemoryMeter
from nas.runtimes import open_runtime

RATES = Rates(
    spent_s=5,
    table_s=10,
    step_s=0.1,
    twin_step_s=0.1,
    look_s=1,
    share_step_s=0.4,
    judge_s=1,
    adapt_s=1,
    screen_s=2,
    clock_s=2,
    test_s=3,
    proposals=20,
)
SPACE = load_space("mobilenet_v3_small")
BENCH = LocalBench(open_runtime("onnxruntime"))


def asked(budget: str | None = None, **changes: object) -> SearchOptions:
    values = {"target_latency": "5ms", "data": "digits", "evaluator": "train", "workers": 1, "budget": budget}
    return SearchOptions(**{**values, **changes})  # type: ignore[arg-type]


def settings_for(options: SearchOptions, data: Data) -> Settings:
    return settings_of(options, SpaceSubject(SPACE, 96), (5.0,), data)


@pytest.fixture(scope="module")
def data() -> Data:
    return load_data("digits")


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that were measured for."""
    seen: list[Settings] = []

    def fake(settings: Settings, *_: object) -> Rates:
        seen.append(settings)
        return RATES

    monkeypatch.setattr(plans, "_measured", fake)
    return seen


def planned(options: SearchOptions, data: Data, folder: Path) -> tuple[Settings, Data, RunPlan | None]:
    return plans.planned(settings_for(options, data), options, SPACE, data, BENCH, folder, MemoryMeter(), say_nothing)


def test_a_run_that_goes_on_repeats_its_amounts_and_measures_nothing(
    tmp_path: Path, data: Data, measured: list[Settings]
) -> None:
    settings, fewer, made = planned(asked("3m"), data, tmp_path / "run")
    assert made is not None
    assert made.seconds <= 180
    assert settings.epochs == made.amounts.epochs < settings_for(asked(), data).epochs
    with open_run(tmp_path / "run", settings, fresh=False):
        plans.keep_plan(tmp_path / "run", made)
    again, same, none = planned(asked("3m"), data, tmp_path / "run")
    assert (again, none) == (settings, None)
    assert len(same.train) == len(fewer.train)
    assert len(measured) == 1
    with open_run(tmp_path / "run", again, fresh=False):
        pass
    planned(asked("5m", fresh=True), data, tmp_path / "run")
    assert len(measured) == 2


def test_another_budget_or_another_amount_is_another_run(tmp_path: Path, data: Data) -> None:
    settings, _, _ = planned(asked("3m"), data, tmp_path / "run")
    with open_run(tmp_path / "run", settings, fresh=False):
        pass
    for other, says in ((asked("9m"), "--budget was 180"), (asked("3m", epochs=7.0), "--epochs was .*now 7")):
        changed, _, _ = planned(other, data, tmp_path / "run")
        with pytest.raises(InvalidRun, match=says), open_run(tmp_path / "run", changed, fresh=False):
            pass


def test_what_was_asked_for_is_kept(tmp_path: Path, data: Data) -> None:
    settings, _, _ = planned(asked("30m", delta=0.02, steps=3, epochs=2.5, trials=5, trial_epochs=1.5), data, tmp_path)
    assert (settings.trials, settings.trial_epochs, settings.epochs) == (5, 1.5, 2.5)
    assert (settings.delta, settings.steps) == (0.02, 3)


def test_fewer_images_are_another_data_set(tmp_path: Path, data: Data) -> None:
    settings, fewer, _ = planned(asked(images=200), data, tmp_path / "run")
    assert abs(len(fewer.train) - 200) <= 5
    assert settings.images == 200
    assert settings.data == f"digits {fewer.digest}" != f"digits {data.digest}"
    write_json(tmp_path / "settings.json", settings)
    assert planned(asked(images=200), data, tmp_path)[0] == settings
    assert planned(asked(images=5000), data, tmp_path / "all")[0].images is None


def test_a_front_has_no_plan_and_its_images(tmp_path: Path, data: Data, measured: list[Settings]) -> None:
    settings, fewer, made = planned(asked(images=200, pareto=True), data, tmp_path)
    assert (made, measured) == (None, [])
    assert settings.data == f"digits {fewer.digest}" != f"digits {data.digest}"


def test_without_a_budget_the_defaults_are_planned_and_not_changed(tmp_path: Path, data: Data) -> None:
    usual = settings_for(asked(), data)
    settings, whole, made = planned(asked(), data, tmp_path)
    assert (settings, whole) == (usual, data)
    assert made is not None
    assert made.budget_s is None


def test_a_budget_is_a_duration_and_enough(tmp_path: Path, data: Data) -> None:
    with pytest.raises(NasError, match="no duration"):
        planned(asked("30"), data, tmp_path)
    with pytest.raises(NasError, match="too little"):
        planned(asked("20s"), data, tmp_path)


def test_the_plan_in_words(tmp_path: Path, data: Data) -> None:
    _, _, made = planned(asked("20m"), data, tmp_path)
    assert made is not None
    lines = plans.describe_plan(made, "train").splitlines()
    assert lines[0] == "The plan, for a budget of 20.0 min, with the most memory of all processes:"
    assert [line.split()[0] for line in lines[1:]] == [
        "measuring", "latency", "block", "NetAdapt", "final", "baselines", "reserve", "in",
    ]  # fmt: skip
    assert [line.count(" GB") for line in lines[1:]] == [1, 1, 1, 1, 1, 1, 0, 1]
    assert f"{made.amounts.trials} trials of {made.amounts.trial_epochs:g} epochs" in lines[3]
    assert plans.told_plan(tmp_path, 600) is None
    plans.keep_plan(tmp_path, made)
    assert (plans.told_plan(tmp_path, 595) or "").startswith("It took 10.0 min; planned were ")


def test_planned_foresees_the_memory_of_every_stage(
    tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "memory_to_table", lambda *_: 1000)
    _, _, made = planned(asked("20m"), data, tmp_path)
    assert made is not None
    peaks = {stage.name: stage.peak_mb for stage in made.stages}
    assert peaks["reserve"] is None
    assert peaks["NetAdapt"] == peaks["measuring"]
    assert peaks["latency table"] is not None
    assert made.peak_mb == peaks["latency table"] > 1000


def test_planned_counts_no_memory_of_a_board(tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "memory_to_table", lambda *_: 100_000)
    monkeypatch.setattr(plans, "seconds_to_table", lambda *_: 10.0)
    _, _, made = planned(asked("20m", device="ssh://user@board"), data, tmp_path)
    assert made is not None
    assert made.peak_mb is not None
    assert made.peak_mb < 100_000


def chosen(options: SearchOptions, data: Data, folder: Path, said: list[str] | None = None) -> str | None:
    say = said.append if said is not None else say_nothing
    return with_evaluator(settings_for(options, data), options, SPACE, data, BENCH, folder, say).evaluator


def test_a_budget_too_short_for_shared_weights_trains_every_candidate_alone(tmp_path: Path, data: Data) -> None:
    said: list[str] = []
    assert chosen(asked("5m", evaluator=None), data, tmp_path / "short", said) == "train"
    assert chosen(asked("20h", evaluator=None), data, tmp_path / "long", said) == "supernet"
    assert len(said) == 1


def test_an_evaluator_that_was_asked_for_stays_and_no_budget_means_the_default(tmp_path: Path, data: Data) -> None:
    assert chosen(asked("5m", evaluator="supernet"), data, tmp_path / "run") == "supernet"
    assert chosen(asked(None, evaluator=None), data, tmp_path / "run") is None
    assert settings_for(asked(None, evaluator=None), data).evaluator == "supernet"


def test_a_run_that_goes_on_keeps_its_evaluator(tmp_path: Path, data: Data) -> None:
    begun = asked("5m", evaluator="supernet")
    with open_run(tmp_path / "run", settings_for(begun, data), fresh=False):
        pass
    assert chosen(asked("5m", evaluator=None), data, tmp_path / "run") == "supernet"
    assert chosen(asked("5m", evaluator=None, fresh=True), data, tmp_path / "run") == "train"


def test_a_run_that_was_begun_with_an_evaluator_of_ones_own_is_left_to_be_refused(tmp_path: Path, data: Data) -> None:
    own = settings_of(asked("5m", evaluator=None), SpaceSubject(SPACE, 96), (5.0,), data, {"evaluator": "mine.score"})
    with open_run(tmp_path / "run", own, fresh=False):
        pass
    assert chosen(asked("5m", evaluator=None), data, tmp_path / "run") is None
