import json
from functools import partial
from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner

import nas
from nas.bench.guidelines import measure_guidelines
from nas.cli import main
from nas.cli.commands.guidelines import guidelines
from nas.design.guidelines.catalogue import GUIDELINE_NAMES, make_guidelines
from nas.latency.guideline_result import GuidelinesReport
from tests.bench.device import Device

app = typer.Typer()
app.command()(guidelines)


@pytest.fixture(autouse=True)
def device(simulated: Device, monkeypatch: pytest.MonkeyPatch) -> Device:
    """Every runtime is the simulated one, and rounds are few: each collects the garbage of the whole test run."""
    monkeypatch.setattr("nas.api.guidelines.measure_guidelines", partial(measure_guidelines, rounds=3))
    return simulated


def invoke(*words: str) -> str:
    found = CliRunner().invoke(app, words, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_guidelines_prints_one_json_document_of_those_asked_for(device: Device) -> None:
    document = json.loads(invoke("--only", "width-grid", "--only", "groups", "--json"))
    report = msgspec.convert(document, GuidelinesReport)
    assert [one.name for one in report.guidelines] == ["groups", "width-grid"]
    true = [device.true_ms(variant.graph) for variant in make_guidelines(["groups"])[0].variants]
    assert [one.ms for one in report.guidelines[0].variants] == pytest.approx(true)
    assert (report.conditions.runtime, report.rounds) == ("simulated", 3)
    assert report.guidelines[1].grid == 1  # of a device that takes a time a multiply-add


def test_guidelines_prints_a_table_of_ratios_beside_the_paper_and_the_verdicts() -> None:
    lines = invoke("--only", "groups").splitlines()
    head = next(line for line in lines if line.startswith("network"))
    assert head.split("  ")[0] == "network"
    assert "time per MAC" in head
    eighth = next(line for line in lines if line.startswith("8 (320 wide)"))
    assert "ARM 1.28 to 1.44; GPU 1.90 to 3.87" in eighth
    assert "too close to tell" in eighth
    assert lines[-1].split() == ["groups", "too", "close", "to", "tell"]


def test_guidelines_writes_json_and_a_page_into_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    text = invoke("--only", "stem", "--out", str(out))
    assert text.splitlines()[-1] == str(out / "guidelines.html")
    report = msgspec.json.decode((out / "guidelines.json").read_bytes(), type=GuidelinesReport)
    assert report.guidelines[0].verdict == "holds here"
    assert 'id="stem-table"' in (out / "guidelines.html").read_text()


def test_guidelines_from_python_is_the_command(tmp_path: Path) -> None:
    said: list[str] = []
    report = nas.guidelines("stem", tmp_path, log=said.append)
    assert isinstance(report, GuidelinesReport)
    assert msgspec.json.decode((tmp_path / "guidelines.json").read_bytes(), type=GuidelinesReport) == report
    assert said == ["Measuring 4 networks in turns, for stem."]


def test_guidelines_from_python_speaks_of_keyword_arguments() -> None:
    with pytest.raises(nas.NasError, match=r"`only` stems: is no guideline\. Did you mean stem\?"):
        nas.guidelines(["stems"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "fragments"], "Did you mean fragmentation? There are equal-widths, groups"),
        (["--only", "stem", "--out", "taken"], "--out taken: cannot be made a folder"),
    ],
)
def test_wrong_input_ends_in_a_sentence_and_exit_code_2(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], device: Device
) -> None:
    Path("taken").write_text("a file")
    monkeypatch.setattr("sys.argv", ["nas", "guidelines", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
    assert device.compiled == 0  # nothing was measured before


def test_the_error_names_all_guidelines() -> None:
    with pytest.raises(nas.NasError) as caught:
        nas.guidelines("nothing like it")
    assert str(caught.value).endswith(f"There are {', '.join(GUIDELINE_NAMES)}.")
