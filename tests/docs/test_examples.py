"""The examples of the documentation run as they are shown; only time is simulated."""

import runpy
from pathlib import Path

import pytest
import sklearn.datasets

import nas
import nas.runtimes
from nas.runtimes import Runtime
from tests.bench.device import Device, SimulatedClock
from tests.docs.device import ShippingRuntime

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device()
    runtime = ShippingRuntime(device)

    def open_simulated(name: str, threads: int = 1, batch: int = 1, precision: str = "float32") -> Runtime:
        return runtime

    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(nas.runtimes, "open_runtime", open_simulated)
    monkeypatch.setattr("nas.bench.bench.SystemClock", lambda *_: SimulatedClock(device))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the digits: what the examples do is the same, and what they train and judge takes a third."""
    digits = sklearn.datasets.load_digits()
    digits.images, digits.target = digits.images[:600], digits.target[:600]
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: digits)


def run_example(name: str) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


@pytest.mark.usefixtures("simulated")
def test_price_and_measure_prints_both_latencies(capsys: pytest.CaptureFixture[str]) -> None:
    run_example("price_and_measure")
    first, *parts, last = capsys.readouterr().out.splitlines()
    assert first.startswith("on the table's machine:")
    assert len(parts) == 3
    assert last.startswith("here:")


@pytest.mark.slow
@pytest.mark.usefixtures("simulated")
def test_search_own_evaluator_finds_a_network_within_the_target(tmp_path: Path) -> None:
    run_example("search_own_evaluator")
    run = nas.open_run(tmp_path / "runs" / "large-kernels")
    assert run.architecture is not None
    assert run.result.predicted_ms <= run.result.target_ms  # type: ignore[union-attr]
    assert len([trial for trial in run.trials if trial["state"] == "complete"]) >= 1


@pytest.mark.slow
@pytest.mark.usefixtures("simulated")
def test_netadapt_own_network_shrinks_it_to_the_target(tmp_path: Path) -> None:
    run_example("netadapt_own_network")
    run = nas.open_run(tmp_path / "runs" / "shrunk")
    assert run.steps[-1]["predicted_ms"] <= 0.91 * run.steps[0]["predicted_ms"]


def test_every_example_has_a_test() -> None:
    names = " ".join(name for name in globals() if name.startswith("test_"))
    assert [path.stem for path in EXAMPLES.glob("*.py") if path.stem not in names] == []
