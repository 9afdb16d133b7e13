"""Whatever fails while the report is written, the finished result stays, and the report can be made later."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.result_file import Result
from nas.api.options.subject import RunSubject
from nas.api.running import runs
from nas.cli import main
from nas.latency.table import LatencyTable, write_table
from nas.report import network
from tests.bench.device import Device
from tests.report.sample import result, write_run

RUN = (
    "netadapt", "--from", "mobilenet_v3_small-1-96", "--target-latency", "1ms", "--table", "t.jsonl",
    "--data", "digits", "--out", "run",
)  # fmt: skip


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    """The exit code of a command."""
    monkeypatch.setattr("sys.argv", ["nas", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


@pytest.fixture(autouse=True)
def finish(simulated: Device, tiny_table: LatencyTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that end at once with the result of the sample run."""

    def search(ctx: Context, subject: RunSubject, done: object) -> Result:
        write_run(ctx.folder, ended=result())
        return result()

    monkeypatch.setattr(runs, "_search", search)
    write_table(Path("t.jsonl"), tiny_table)


def test_a_report_that_fails_leaves_the_result_and_is_made_later(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as lacking:
        # As if a new activation had no short name in the table of the network.
        lacking.setattr(network, "short_name", {}.__getitem__)
        assert call(monkeypatch, *RUN) == 0
        told = capsys.readouterr()
        assert "The result in run is complete, but its report could not be written (KeyError: 'relu')." in told.err
        assert "'nas report run' writes it" in told.err
        assert "Traceback" not in told.err
        assert "report.html" not in told.out
        assert json.loads(Path("run/result.json").read_text())["accuracy"] == result().accuracy
        assert not Path("run/report.html").exists()
        assert call(monkeypatch, *RUN, "--json") == 0
        assert json.loads(capsys.readouterr().out)["accuracy"] == result().accuracy
    assert call(monkeypatch, "report", "run") == 0
    assert Path("run/report.html").exists()


def test_a_table_that_failed_is_refused_or_warned_of_before_the_plan_and_noted(
    tiny_table: LatencyTable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noted: list[tuple[str, ...]] = []

    def search(ctx: Context, subject: RunSubject, done: object) -> Result:
        noted.append(ctx.notes)
        write_run(ctx.folder, ended=result())
        return result()

    card = replace(tiny_table.header.validation, mape=0.123, spearman=0.5, error_over_floor=9.0)
    failed = LatencyTable(replace(tiny_table.header, validation=card), tiny_table.timings)
    write_table(Path("t.jsonl"), failed)
    monkeypatch.setattr(runs, "_search", search)
    assert call(monkeypatch, *RUN) == 2
    assert "its validation failed: mean error 12.3%" in capsys.readouterr().err
    assert not Path("run").exists()
    assert call(monkeypatch, *RUN, "--allow-failed") == 0
    lines = capsys.readouterr().err.splitlines()
    [warned] = [number for number, line in enumerate(lines) if "is not to be trusted" in line]
    assert "mean error 12.3%" in lines[warned]
    assert not [line for line in lines[:warned] if "Latency table t.jsonl" in line]
    assert noted[0][0] == lines[warned]


def test_the_same_command_makes_a_report_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, *RUN) == 0
    Path("run/report.html").unlink()
    monkeypatch.delattr(runs, "_search")
    assert call(monkeypatch, *RUN) == 0
    captured = capsys.readouterr()
    assert "run is finished: this is its result" in captured.err
    assert captured.out.splitlines()[-1] == "run/report.html"
