"""What `help` shows, and how messages name options to whoever calls from Python."""

import inspect
from pathlib import Path

import pytest

import nas
from nas.api.options.python_names import spell_in_python


def test_help_of_search_spells_options_as_keyword_arguments() -> None:
    doc = inspect.getdoc(nas.search) or ""
    told = doc.partition("Options:")[2]
    assert "`mode='cheap'`" in told
    assert "--" not in told


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("Start over with --fresh.", "Start over with `fresh=True`."),
        ("Leave out the rows: --no-baselines.", "Leave out the rows: `baselines=False`."),
        ("Give --workers 1 to train.", "Give `workers=1` to train."),
        ("Give --budget 31m.", "Give `budget='31m'`."),
        ("take --space mobilenet_v3_small", "take `space` mobilenet_v3_small"),
        ("Give --from the network of --weights.", "Give `source` the network of `weights`."),
        ("--target-latency was 15.0, now 14.0", "`target_latency` was 15.0, now 14.0"),
        ("Try nas train ARCH --weights w.pth --data DATA", "Try nas train ARCH --weights w.pth --data DATA"),
        ("Use 'nas table build', or --allow-failed.", "Use 'nas table build', or `allow_failed=True`."),
    ],
)  # fmt: skip
def test_spell_in_python_names_options_as_keyword_arguments(text: str, spelt: str) -> None:
    assert spell_in_python(text) == spelt


def test_messages_and_lines_of_the_log_speak_of_keyword_arguments(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    said: list[str] = []
    with pytest.raises(nas.NasError, match=r"so it is no run. Give another `out`"):
        nas.netadapt("mobilenet_v3_small", "5ms", "digits", out=tmp_path, log=said.append)
    assert said
    assert not [line for line in said if "--" in line]


def test_the_lines_of_a_log_on_the_command_line_keep_its_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nas.cli import main

    monkeypatch.setattr("sys.argv", ["nas", "train", "mobilenet_v2", "--teacher", "mobilenet_v2", "--data", "digits"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main()
    assert "--teacher and --teacher-weights belong together" in capsys.readouterr().err
