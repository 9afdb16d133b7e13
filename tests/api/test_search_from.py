"""Searches from pretrained weights, from Python, on a simulated device; networks are really trained, very shortly."""

import json
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.algorithms.pipeline.result_file import Result, Summary
from nas.design.graph import lower
from tests.api.test_api import Arrays, bars
from tests.api.test_runs import SimulatedShips, table
from tests.bench.conftest import SPACE
from tests.bench.device import Device
from tests.cli.conftest import simulated, tiny_table

__all__ = ["bars", "simulated", "table", "tiny_table"]

START = SPACE.smallest(96)
SHORT: dict[str, Any] = {"resolution": "64,96", "trials": 3, "epochs": 0.3, "trial_epochs": 0.3, "workers": 1}


@pytest.fixture(autouse=True)
def ships(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("runs", "resolve", "start_plans"):
        monkeypatch.setattr(f"nas.api.running.{place}.Exporter", SimulatedShips)


@pytest.fixture
def weights(bars: Arrays, tmp_path: Path) -> Path:
    """Weights that say the network that they are of."""
    nas.train(START, bars, epochs=0.3, out=tmp_path / "start.safetensors")
    return tmp_path / "start.safetensors"


def test_a_search_from_weights_is_planned_finds_a_network_and_shows_what_it_chose_from(
    table: Path, simulated: Device, bars: Arrays, weights: Path, tmp_path: Path
) -> None:
    target = simulated.true_ms(lower(START)) * 0.8
    told: list[str] = []
    run = nas.search(
        target, bars, source=weights, table=str(table), keep="stem", out=tmp_path / "run", log=told.append, **SHORT
    )
    assert isinstance(run.result, Result)
    assert run.result.settled_ms <= target
    assert [row.name for row in run.result.endings] == ["inherited"]
    assert {row.name[:6] for row in run.result.baselines} == {"start-"}
    assert run.architecture is not None
    assert run.architecture.stem == START.stem
    plan = json.loads((run.folder / "plan.json").read_text())
    assert {"start", "block library", "block search"} <= {stage["name"] for stage in plan["stages"]}
    assert any("epochs of every alternative" in line for line in told)
    report = (run.folder / "report.html").read_text()
    assert "What may replace the blocks" in report
    assert "put together of the block library" in report
    again = nas.search(target, bars, source=weights, table=str(table), keep="stem", out=tmp_path / "run", **SHORT)
    assert again.result == run.result


def test_several_targets_have_a_result_each(
    table: Path, simulated: Device, bars: Arrays, weights: Path, tmp_path: Path
) -> None:
    whole = simulated.true_ms(lower(START))
    targets = [round(whole * share, 4) for share in (0.6, 0.8)]
    run = nas.search(targets, bars, source=[weights], table=str(table), out=tmp_path / "run", baselines=False, **SHORT)
    assert isinstance(run.result, Summary)
    assert [one.target_ms for one in run.result.results] == pytest.approx(targets)
    assert all(one.settled_ms <= one.target_ms for one in run.result.results)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"keep": "s9"}, r"`keep` s9: the network has no such part"),
        ({"pareto": True}, "`pareto=True` searches a space and `source` begins with a network"),
        ({"sampler": "tpe"}, "`sampler` is of a search of a space"),
        ({"source": "mobilenet_v3_small"}, "names a network without weights"),
        ({"source": "pretrained:nothing"}, "there are no such weights"),
        ({"resolution": "big"}, "is no size in pixels"),
        ({"budget": "1s"}, "`budget`: 1 s is too little"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_go_together_is_told_before_anything_trains(
    options: dict[str, Any], sentence: str, table: Path, bars: Arrays, weights: Path, tmp_path: Path
) -> None:
    given = {"source": weights, **SHORT, "epochs": None, "out": tmp_path / "run", "table": str(table), **options}
    with pytest.raises(nas.NasError, match=sentence):
        nas.search("1ms", bars, **given)
    assert not (tmp_path / "run" / "library").exists()
