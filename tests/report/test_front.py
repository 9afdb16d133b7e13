"""The page of a whole front."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from nas.algorithms.block_search.pareto import Front, FrontNetwork
from nas.design.files import write_json
from nas.errors import InvalidRun
from nas.report.pages.page import write_report
from tests.report.sample import FOUND, HOSTILE, Reader, score, trial, write_run

TRIALS = (trial(0, 12.0, "complete", 0.7), trial(1, 16.0, "complete", 0.9), trial(2, 30.0, "infeasible", None))


def network(number: int, measured_ms: float, accuracy: float) -> FrontNetwork:
    bounds = score(accuracy).accuracy_ci95
    return FrontNetwork(
        f"front/{number}.json", FOUND, measured_ms, 0.5, measured_ms, accuracy, bounds, 3_000_000, 90_000_000, number
    )


def front(device: str = "a machine") -> Front:
    return Front(
        low_ms=10.0,
        high_ms=20.0,
        networks=(network(1, 12.1, 0.7), network(2, 16.2, 0.9)),
        hypervolume=0.64,
        evaluated=2,
        evaluator="supernet",
        sampler="nsga2",
        runtime="onnxruntime",
        device=device,
        resolution=96,
        data="digits",
        seed=0,
        seconds=100.0,
        table="a table",
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = write_run(tmp_path / "run", TRIALS)
    (folder / "settings.json").write_text('{"target_ms": 10, "targets_ms": [10, 20], "pareto": true}')
    return folder


def test_the_front_says_the_limits_that_its_networks_meet(run: Path) -> None:
    write_json(run / "front.json", front())
    assert "at most" not in Reader(write_report(run).read_text()).words
    write_json(run / "front.json", replace(front(), limits="at most 3,500,000 parameters"))
    assert "Each network has at most 3,500,000 parameters." in Reader(write_report(run).read_text()).words


def test_the_front_is_a_table_and_two_figures(run: Path) -> None:
    write_json(run / "front.json", front())
    page = Reader(write_report(run).read_text())
    assert "2 networks from 12.1 ms to 16.2 ms" in page.words
    assert "None was trained to the end" in page.words
    assert page.figures == ["trade-off", "hypervolume"]
    rows = page.tables["networks"]
    assert rows[1:] == [
        ["front/1.json", "12.1 ms", "12.1 ms", "3.00 M", "90.0 M", "70.0 %", "67.0 to 72.0 %"],
        ["front/2.json", "16.2 ms", "16.2 ms", "3.00 M", "90.0 M", "90.0 %", "87.0 to 92.0 %"],
    ]


def test_a_front_says_the_resolution_at_which_its_networks_were_judged(run: Path) -> None:
    for resolution, side in ((FOUND.resolution, "at 96 px"), (2 * FOUND.resolution, "at up to 192 px")):
        write_json(run / "front.json", replace(front(), resolution=resolution))
        assert side in Reader(write_report(run).read_text()).words


def test_an_unfinished_front_shows_what_there_is(run: Path) -> None:
    page = Reader(write_report(run).read_text())
    assert "Unfinished front: 3 trials" in page.words
    assert page.figures == ["trade-off"]


def test_hostile_text_stays_text(run: Path) -> None:
    write_json(run / "front.json", front(HOSTILE))
    assert HOSTILE not in write_report(run).read_text()


def test_a_damaged_front_is_named(run: Path) -> None:
    (run / "front.json").write_text("{")
    with pytest.raises(InvalidRun, match=r"front\.json"):
        write_report(run)
