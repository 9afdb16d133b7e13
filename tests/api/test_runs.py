"""Whole runs from Python, on a simulated device; networks are really trained, very shortly."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas
import pytest
import torch

import nas
from nas.algorithms.pipeline.result_file import Result
from nas.api.options.keywords import read_options
from nas.api.options.structs import SearchOptions
from nas.bench.bench import LocalBench
from nas.cli import main
from nas.design.architecture import digest
from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.design.space import SearchSpace
from nas.latency.table import LatencyTable, write_table
from nas.latency.timing import Measurement
from tests.algorithms.conftest import FakeShips
from tests.api.test_api import Arrays, bars, fewest_macs
from tests.bench.conftest import SPACE
from tests.bench.device import Device, SimulatedRuntime
from tests.cli.conftest import simulated, tiny_table

__all__ = ["bars", "simulated", "tiny_table"]


@pytest.fixture
def table(simulated: Device, tiny_table: LatencyTable, tmp_path: Path) -> Path:
    write_table(tmp_path / "table.jsonl", tiny_table)
    return tmp_path / "table.jsonl"


class SimulatedShips(FakeShips):
    """Model files that are weights; their clock is the device's."""

    def __init__(self, data: object, bench: LocalBench, *rest: object) -> None:
        super().__init__()
        assert isinstance(bench.runtime, SimulatedRuntime)
        self.device = bench.runtime.device

    def _measurement(self, arch: nas.Architecture) -> Measurement:
        ms = self.device.true_ms(lower(arch))
        return Measurement("simulated", ms, ms * 0.99, ms * 1.01, 60, False, 0.01, ms)


@pytest.fixture(autouse=True)
def unplanned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans measure how fast the machine trains, which takes longer than these runs."""
    monkeypatch.setattr(
        "nas.api.running.runs.planned", lambda settings, options, space, data, *rest: (settings, data, None)
    )


@pytest.fixture
def ships(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("runs", "plans", "resolve"):
        monkeypatch.setattr(f"nas.api.running.{place}.Exporter", SimulatedShips)


def largest_ms(table: LatencyTable) -> float:
    return nas.estimate(SPACE.largest(96), table).ms


def test_an_own_evaluator_sampler_and_training_decide_a_search(
    table: Path, tiny_table: LatencyTable, ships: None, bars: Arrays, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []
    trained: list[tuple[torch.Size, float]] = []

    def evaluate(architectures: Sequence[nas.Architecture]) -> list[float]:
        asked.append(len(architectures))
        return fewest_macs(architectures)

    def sampler(seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.RandomSampler(seed=seed)

    def train(network: torch.nn.Module, split: Any, epochs: float, seed: int) -> None:
        trained.append((split.images.shape, epochs))

    told: list[str] = []
    target = round(largest_ms(tiny_table) * 0.9, 2)
    run = nas.search(
        target, bars, space=SPACE, evaluator=evaluate, sampler=sampler, train=train, table=str(table), resolution="96",
        trials=6, epochs=1.0, workers=1, ending="inherited", baselines=False, out=tmp_path / "run", log=told.append,
    )  # fmt: skip
    assert trained[0][0] == (108, 1, 16, 16)
    assert isinstance(run.result, Result)
    frame = pandas.DataFrame(run.trials)
    scored = frame[frame["value"].notna()]
    assert len(scored) >= 6
    assert sum(asked) == len({digest(arch) for arch in scored["architecture"]})
    assert list(scored["value"]) == [-float(macs(lower(arch))) for arch in scored["architecture"]]
    assert run.result.settled_ms <= target
    assert run.model is not None
    assert run.module()(torch.zeros(1, 3, 96, 96)).shape == (1, 2)
    assert "test accuracy" in run._repr_html_()
    assert str(run.folder) in repr(run)
    assert any("trials" in line or "Trial" in line for line in told)
    assert capsys.readouterr() == ("", "")
    settings = json.loads((run.folder / "settings.json").read_text())
    assert (settings["evaluator"], settings["sampler"]) == ("own", "own")
    assert settings["own"]["evaluator"].endswith("evaluate")

    calls = len(asked)
    again = nas.search(
        target, bars, space=SPACE, evaluator=evaluate, sampler=sampler, train=train, table=str(table), resolution="96",
        trials=6, epochs=1.0, workers=1, ending="inherited", baselines=False, out=tmp_path / "run",
    )  # fmt: skip
    assert again.result == run.result == nas.open_run(tmp_path / "run").result
    assert len(asked) == calls


def test_a_run_that_was_begun_from_python_with_own_parts_is_not_resumed_from_the_command_line(
    table: Path, bars: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(nas.NasError, match="returned 0 values"):
        nas.search(
            "50ms", bars, space=SPACE, evaluator=lambda archs: [], table=str(table), resolution="96", trials=2,
            epochs=1.0, workers=1, out=tmp_path / "run",
        )  # fmt: skip
    monkeypatch.setattr("sys.argv", ["nas", "resume", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "was begun from Python with evaluator" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ([float("nan")], "value number 0 is nan"),
        (["high"], "returned 'high' among its values"),
        ([None], "returned None among its values"),
        (0.5, "returned 0.5. It is given several architectures"),
        ("high", "returned 'high'. It is given several architectures"),
        (None, "returned None. It is given several architectures"),
    ],
    ids=str,
)
def test_an_evaluator_that_gives_no_number_is_told(
    returned: Any, sentence: str, table: Path, bars: Arrays, tmp_path: Path
) -> None:
    def evaluate(archs: Sequence[nas.Architecture]) -> Any:
        return returned * len(archs) if isinstance(returned, list) else returned

    with pytest.raises(nas.NasError, match=re.escape(sentence)):
        nas.search(
            "50ms", bars, space=SPACE, evaluator=evaluate, table=str(table), resolution="96", trials=2, epochs=1.0,
            workers=1, out=tmp_path / "run",
        )  # fmt: skip


SAMPLER = optuna.samplers.RandomSampler()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"evaluator": 3}, "evaluator=3: is no function. Give a name, or a function of several architectures"),
        ({"evaluator": "supernett"}, "take supernet; there are supernet, train, zero-cost"),
        ({"proposals": "every"}, "there are channels, all"),
        ({"sampler": SAMPLER}, "is no function. Give a name, or a function of a seed"),
        ({"sampler": lambda: SAMPLER}, "cannot be called with 1 values"),
        ({"train": lambda network: None}, "cannot be called with 4 values"),
        ({"log": "print"}, "log='print': is no function"),
        ({"space": 3}, "space=3: is no space"),
        ({"target_latency": None}, "target_latency=None: is no latency"),
        ({"target_latency": [1.0, None]}, "target_latency: None is no latency"),
        ({"target_latency": True}, "target_latency=True: is no latency"),
        ({"data": [1, 2]}, "data: item 0 of train is int 1, not (image, label)"),
        ({"data": (np.zeros((4, 8, 8)), np.arange(4))}, "is ndarray of shape (4, 8, 8), not (image, label)"),
        ({"data": []}, "data: train holds no images"),
        ({"data": None}, "data is a NoneType: give a path"),
        ({"trails": 3}, "trails=3: there is no such option. Take trials"),
        ({"trials": "many"}, "trials='many': "),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_wrong_arguments_of_a_search_are_told_before_anything_is_done(
    given: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    whole = {"target_latency": "5ms", "data": "digits", "out": tmp_path / "run", **given}
    with pytest.raises(nas.NasError, match=re.escape(sentence)):
        nas.search(**whole)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: nas.estimate("mobilenet_v2", "t.jsonl"), "'mobilenet_v2': is no architecture. Make one with nas.netw"),  # type: ignore[arg-type]
        (lambda: nas.measure(3), "3: is no architecture"),  # type: ignore[arg-type]
        (lambda: nas.module(None), "None: is no architecture"),  # type: ignore[arg-type]
        (lambda: nas.load_space(3), "'3' is no search space"),  # type: ignore[arg-type]
        (lambda: nas.open_run(3), "folder=3: is no folder of a run"),  # type: ignore[arg-type]
        (lambda: nas.netadapt(3, "5ms"), "source=3: is no network"),  # type: ignore[arg-type]
        (lambda: nas.train("mobilenet_v2", [1, 2]), "data: item 0 of train is int 1"),
    ],
)
def test_wrong_arguments_of_other_functions_are_told(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(nas.NasError, match=re.escape(sentence)):
        call()


def test_help_lists_every_option_once_with_its_default() -> None:
    assert nas.search.__doc__ is not None
    told = nas.search.__doc__.partition("Options:")[2].splitlines()
    names = [line.strip().partition(":")[0] for line in told if line.startswith(" " * 8)]
    assert len(names) == len(set(names)) > 30
    assert {"proposals", "epochs", "keep", "source"} <= set(names)
    assert not {"space", "evaluator", "sampler", "target_latency", "data"} & set(names)
    assert any("Default: 'channels'." in line for line in told)


def test_the_environment_gives_what_it_gives_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_WORKERS", "3")
    assert read_options(SearchOptions, {"target_latency": "5ms"}).workers == 3
    assert read_options(SearchOptions, {"target_latency": "5ms", "workers": 1}).workers == 1
    monkeypatch.setenv("NAS_WORKERS", "many")
    with pytest.raises(nas.NasError, match="workers"):
        read_options(SearchOptions, {"target_latency": "5ms"})


def test_an_architecture_counts_its_parameters_and_macs() -> None:
    arch = nas.network("mobilenet_v3_large")
    assert (arch.params, arch.macs) == (5_483_032, 216_589_760)


def test_estimate_measure_and_build_table(simulated: Device, tmp_path: Path) -> None:
    arch = SPACE.largest(96)
    built = nas.build_table(SPACE, tmp_path / "new.jsonl", resolution=96, held_out=5)
    assert nas.load_table(tmp_path / "new.jsonl") == built
    true_ms = simulated.true_ms(lower(arch))
    assert nas.estimate(arch, built).ms == pytest.approx(true_ms, rel=0.05)
    assert nas.estimate(arch, tmp_path / "new.jsonl") == nas.estimate(arch, built)
    assert nas.measure(arch, tmp_path / "new.jsonl").settled_ms == pytest.approx(true_ms, rel=0.02)
    assert "held-out" in built._repr_html_()


def test_without_a_folder_a_run_has_a_temporary_one(
    table: Path, ships: None, bars: Arrays, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    target = nas.estimate(nas.network("mobilenet_v3_small-0.5-96", classes=2), table).ms * 0.97
    run = nas.netadapt(
        nas.network("mobilenet_v3_small-0.5-96"), [target], bars, table=str(table), resolution=96, epochs=0.5,
        workers=1, ending="inherited", baselines=False,
    )  # fmt: skip
    assert run.folder.parent.parent == tmp_path
    assert run.steps[0]["name"] == "seed"
    assert run.steps[-1]["predicted_ms"] < run.steps[0]["predicted_ms"]
    assert run.report().exists()


def test_a_search_from_python_obeys_a_limit_and_its_run_says_so(
    table: Path, tiny_table: LatencyTable, ships: None, bars: Arrays, tmp_path: Path
) -> None:
    most = 0.999 * params(lower(SPACE.largest(96, 2)))
    run = nas.search(
        round(largest_ms(tiny_table) * 0.95, 2), bars, space=SPACE, evaluator=fewest_macs, table=str(table),
        resolution="96", trials=4, epochs=1.0, workers=1, ending="scratch", max_parameters=most, out=tmp_path / "run",
    )  # fmt: skip
    assert isinstance(run.result, Result)
    [use] = run.result.budgets
    assert (use.limit, use.value) == (int(most), run.result.params)
    assert all(row.params <= most for row in (*run.result.endings, *run.result.baselines))
    assert f"of at most {int(most):,} parameters" in run._repr_html_()
    assert f"of at most {int(most):,} parameters" in run.report().read_text()


def test_spaces_from_python_are_values() -> None:
    assert isinstance(nas.load_space("mobilenet_v3_small"), SearchSpace)
