"""A run's prices are those of its table, whatever the speed of the device is when it starts."""

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from nas.api.running.tables import open_prices
from nas.bench.tables.recognise import recognise
from nas.cli.text.run_text import terminal
from nas.design.architecture import Architecture
from nas.errors import InvalidRun, InvalidTable
from nas.latency.table import LatencyTable, write_table
from tests.bench.conftest import SPACE
from tests.bench.device import Device, bench_of


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("nas.api.running.tables.recognise", partial(recognise, pause=found.append))
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    return found


@pytest.fixture
def path(tmp_path: Path, tiny_table: LatencyTable) -> Path:
    write_table(tmp_path / "table.jsonl", tiny_table)
    return tmp_path / "table.jsonl"


def price_at(speed: float, path: Path, folder: Path, arch: Architecture) -> float:
    """What a new run in the folder predicts on a device that takes so many times as long."""
    device = Device()
    device.speed = lambda: speed  # type: ignore[method-assign]
    folder.mkdir()
    return open_prices(str(path), SPACE, bench_of(device), 96, folder, terminal())(arch).ms


@pytest.mark.parametrize(("speed", "glances"), [(1.05, 0), (1.17, 1), (0.5, 1), (3.0, 1)])
def test_open_prices_gives_the_prices_of_the_table_at_any_speed_of_the_device(
    speed: float, glances: int, path: Path, tmp_path: Path, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    arch = SPACE.largest(96)
    usual = price_at(1.0, path, tmp_path / "usual", arch)
    assert price_at(speed, path, tmp_path / "moved", arch) == usual
    assert len(pauses) == glances
    headers = [(tmp_path / name / "table.json").read_bytes() for name in ("usual", "moved")]
    assert headers[0] == headers[1]
    assert (f"takes {speed:.2f} times as long" in capsys.readouterr().err) == bool(glances)


def test_open_prices_says_which_statistic_its_milliseconds_are(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (latency, words) in enumerate((("p50", "median wall time"), ("p99", "99 % quantile of the wall time"))):
        (tmp_path / str(number)).mkdir()
        bench = bench_of(Device())
        open_prices(str(path), SPACE, bench, 96, tmp_path / str(number), terminal(), latency=latency)  # type: ignore[arg-type]
        assert f"Milliseconds are {words}" in capsys.readouterr().err


def test_open_prices_refuses_a_quantile_that_the_table_has_not(
    path: Path, tmp_path: Path, tiny_table: LatencyTable
) -> None:
    write_table(path, LatencyTable(replace(tiny_table.header, quantiles=()), tiny_table.timings))
    with pytest.raises(InvalidTable, match="has medians only"):
        open_prices(str(path), SPACE, bench_of(Device()), 96, tmp_path, terminal(), latency="p90")


def test_open_prices_builds_no_other_table_for_a_run_that_was_begun(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    price_at(1.0, path, folder, SPACE.largest(96))
    with pytest.raises(InvalidRun, match="the latency table it was begun with is not in the cache any more"):
        open_prices(None, SPACE, bench_of(Device()), 96, folder, terminal())
