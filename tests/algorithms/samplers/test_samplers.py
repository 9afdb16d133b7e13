"""Every sampler through the study: an ordinary Optuna study, that goes on after a kill as if there had been none."""

from functools import partial
from pathlib import Path
from typing import get_args

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend

from nas.algorithms.pipeline.context import SamplerName
from nas.algorithms.samplers.optuna_study import Candidate, Study
from nas.design.architecture import Architecture
from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.space import SearchSpace, load_space
from nas.errors import NasError

SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
STARTUP = 6
BUDGETS = {"mobilenet_v3_small": 16e6, "ofa_mobilenet_v3": 48e6}  # about the median of either space


def excess(arch: Architecture, budget: float = BUDGETS["mobilenet_v3_small"]) -> float:
    return macs(lower(arch)) / budget - 1


def open_study(path: Path, space: SearchSpace, sampler: SamplerName, front: bool = False) -> Study:
    over = partial(excess, budget=BUDGETS[space.name])
    return Study(path, space, 96, 10, seed=0, startup=STARTUP, sampler=sampler, excess=over, front=front)


def finish(study: Study, candidate: Candidate) -> Architecture:
    """Deeper is better; what is over the budget is told all the same."""
    arch = candidate.architecture
    candidate.constrain(excess(arch))
    study.tell(candidate, float(sum(len(stage.blocks) for stage in arch.stages)), macs(lower(arch)) / 1e6)
    return arch


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_killed_at_every_trial_the_same_is_proposed(sampler: SamplerName, tmp_path: Path, space: SearchSpace) -> None:
    whole = open_study(tmp_path / "whole", space, sampler)
    unbroken = [finish(whole, whole.ask()) for _ in range(STARTUP + 8)]
    broken = []
    for _ in range(STARTUP + 8):
        killed = open_study(tmp_path / "broken", space, sampler).ask().architecture
        study = open_study(tmp_path / "broken", space, sampler)
        broken.append(finish(study, study.ask()))
        assert broken[-1] == killed
    assert broken == unbroken
    assert len(set(unbroken)) > STARTUP  # TPE may ask again for what it had


def test_killed_with_several_running_the_same_is_proposed(tmp_path: Path, space: SearchSpace) -> None:
    def rounds(path: Path, kill: bool) -> list[Architecture]:
        found, study = [], open_study(path, space, "predictor")
        for _ in range(5):
            for _ in range(3 if kill else 0):
                study.ask()
            study = open_study(path, space, "predictor") if kill else study
            found += [finish(study, candidate) for candidate in [study.ask() for _ in range(5)]]
        return found

    unbroken = rounds(tmp_path / "whole", kill=False)
    assert rounds(tmp_path / "broken", kill=True) == unbroken
    assert len(set(unbroken)) == 25


@pytest.mark.parametrize("name", BUDGETS)
def test_after_its_start_the_predictor_keeps_to_the_budget_and_repeats_nothing(name: str, tmp_path: Path) -> None:
    study = open_study(tmp_path / "study", load_space(name), "predictor")
    asked = [finish(study, study.ask()) for _ in range(STARTUP + 12)]
    assert len(set(asked)) == len(asked)
    assert any(excess(arch, BUDGETS[name]) > 0 for arch in asked[:STARTUP])
    assert all(excess(arch, BUDGETS[name]) <= 0 for arch in asked[STARTUP:])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_is_enqueued_comes_first(sampler: SamplerName, tmp_path: Path, space: SearchSpace) -> None:
    study = open_study(tmp_path / "study", space, sampler)
    choices = {name: options[-1] for name, options in space.options().items()}
    study.enqueue(choices)
    assert finish(study, study.ask()) == space.largest(96, 10)


def test_what_is_enqueued_may_leave_out_blocks_that_are_not_there(tmp_path: Path) -> None:
    space = load_space("ofa_mobilenet_v3")
    choices: dict[str, object] = {}
    smallest = space.draw(lambda name, options: choices.setdefault(name, options[0]), 96, 10)
    study = open_study(tmp_path / "study", space, "predictor")
    study.enqueue(choices)
    assert len(choices) < len(space.options())
    assert finish(study, study.ask()) == smallest


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_optunas_own_tools_read_it(sampler: SamplerName, tmp_path: Path, space: SearchSpace) -> None:
    study = open_study(tmp_path / "study", space, sampler)
    for _ in range(STARTUP + 2):
        finish(study, study.ask())
    pruned = study.ask()
    assert not pruned.report(0.1, 0)
    study.tell(pruned, None)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(tmp_path / "study")))
    loaded = optuna.load_study(study_name="nas", storage=storage)
    assert study.told() == len(loaded.trials) == STARTUP + 3
    assert all(set(trial.params) == set(space.options()) for trial in loaded.trials)
    assert all(trial.constraints.keys() == {"latency"} for trial in loaded.trials[:-1])
    assert len(loaded.directions) == (2 if sampler == "motpe" else 1)


def test_a_front_has_two_objectives(tmp_path: Path, space: SearchSpace) -> None:
    study = open_study(tmp_path / "study", space, "nsga2", front=True)
    for _ in range(25):
        finish(study, study.ask())
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(tmp_path / "study")))
    front = optuna.load_study(study_name="nas", storage=storage).best_trials
    assert len({(t.values[0], t.values[1]) for t in front}) > 1
    assert all(a.values[0] > b.values[0] or a.values[1] <= b.values[1] for a in front for b in front)


def test_the_predictor_has_one_objective(tmp_path: Path, space: SearchSpace) -> None:
    with pytest.raises(NasError, match="motpe"):
        open_study(tmp_path / "study", space, "predictor", front=True)
