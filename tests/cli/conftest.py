"""Commands on a simulated device, in a folder of their own."""

from pathlib import Path

import pytest

import nas.runtimes
from nas.latency.table import LatencyTable
from nas.runtimes import Runtime
from tests.bench.conftest import built_quietly
from tests.bench.device import Device, SimulatedClock, SimulatedRuntime


@pytest.fixture(scope="session")
def tiny_table() -> LatencyTable:
    """Of the tiny space, which is not a shipped one, at 96 px."""
    return built_quietly()


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """Every runtime is the simulated one, and the cache is empty."""
    made = Device()

    def open_simulated(name: str, threads: int = 1, batch: int = 1, precision: str = "float32") -> Runtime:
        return SimulatedRuntime(made)

    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(nas.runtimes, "open_runtime", open_simulated)
    monkeypatch.setattr("nas.bench.bench.SystemClock", lambda *_: SimulatedClock(made))
    monkeypatch.chdir(tmp_path)
    return made
