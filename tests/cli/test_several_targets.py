"""What `nas search` with several targets prints, and how it ends."""

import json
from pathlib import Path

import pytest

from nas.algorithms.pipeline.result_file import Missed, Summary
from nas.api.running import runs
from nas.cli import main
from tests.report.sample import result

MET = Summary((result(),), (), 700.0)
MISSED = Summary((result(),), (Missed(0.1, "No network reaches 0.1 ms: ask for more."),), 700.0)


def call(
    arguments: list[str], found: Summary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, targets: str = "0.1ms,15ms"
) -> int | str | None:
    """The exit code of a search that finds this."""
    words = {"target-latency": targets, "data": "digits", "resolution": "32", "out": str(tmp_path / "run")}
    options = [*(word for name, value in words.items() for word in (f"--{name}", value)), *arguments]
    monkeypatch.setattr(runs, "planned", lambda settings, options, space, data, *rest: (settings, data, None))
    monkeypatch.setattr(runs, "_work", lambda *arguments: found)
    monkeypatch.setattr("sys.argv", ["nas", "search", *options])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_all_is_printed_before_a_missed_target_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["--json"], MISSED, monkeypatch, tmp_path) == 1
    captured = capsys.readouterr()
    printed = json.loads(captured.out)
    assert printed["results"][0]["target_ms"] == 15
    assert printed["missed"] == [{"target_ms": 0.1, "reason": "No network reaches 0.1 ms: ask for more."}]
    assert "No network reaches 0.1 ms" in captured.err


def test_every_target_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([], MET, monkeypatch, tmp_path) == 0
    assert "Target 15 ms:" in capsys.readouterr().out
    written = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert (written["target_ms"], written["targets_ms"]) == (0.1, [0.1, 15])


def test_one_of_several_that_is_no_time_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([], MET, monkeypatch, tmp_path, "8ms,fast") == 2
    assert "'fast' is no time above zero" in capsys.readouterr().err
