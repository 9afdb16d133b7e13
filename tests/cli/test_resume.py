"""`nas resume`: what was asked is asked again, from any folder."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.algorithms.pipeline.result_file import Result
from nas.api.running import runs
from nas.cli import main
from nas.folders import shipped_folder
from tests.report.sample import result

TABLE = shipped_folder("latency_tables") / "epyc-zen5-litert.jsonl"


@pytest.fixture
def began(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with pictures, from which runs are started; their resolution is chosen after few measurements."""
    images = np.random.default_rng(0).integers(0, 255, (200, 8, 8)).astype(np.uint8)
    labels = np.arange(200) % 2
    np.savez(tmp_path / "data.npz", x_train=images, y_train=labels, x_test=images[:40], y_test=labels[:40])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "planned", lambda settings, options, space, data, *rest: (settings, data, None))
    monkeypatch.setattr("nas.bench.measure.ROUNDS", 3)
    return tmp_path


def save_classes(folder: Path) -> None:
    """Two folders of pictures, one for each class."""
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for number in range(40):
            Image.fromarray(rng.integers(0, 255, (8, 8, 3)).astype(np.uint8)).save(folder / name / f"{number}.png")


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int | str | None, list[tuple[object, ...]]]:
    """The exit code, and what was set to work."""
    works: list[tuple[object, ...]] = []

    def work(*arguments: object) -> Result:
        works.append(arguments)
        return result()

    monkeypatch.setattr(runs, "_work", work)
    monkeypatch.setattr("sys.argv", ["nas", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code, works


SEARCH = ("search", "--target-latency", "8ms,15ms", "--trials", "7", "--space", "mobilenet_v3_small")
NETADAPT = ("netadapt", "--from", "mobilenet_v3_small", "--target-latency", "15ms", "--mode", "cheap", "--export-steps")


@pytest.mark.parametrize("command", [SEARCH, NETADAPT], ids=["search", "netadapt"])
@pytest.mark.parametrize("again", [("resume",), ("netadapt", "--resume")], ids=" ".join)
def test_a_run_goes_on_as_it_was_begun_from_another_folder(
    command: tuple[str, ...], again: tuple[str, ...], began: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call(monkeypatch, *command, "--data", "data.npz", "--out", "run", "--seed", "3")
    (began / "elsewhere").mkdir()
    monkeypatch.chdir(began / "elsewhere")
    second = call(monkeypatch, *again, str(began / "run"))
    assert first[0] == second[0] == 0
    [(running, _, settings, subject, *_)], [(running2, _, settings2, subject2, *_)] = first[1], second[1]
    assert settings == settings2
    assert subject == subject2
    assert isinstance(running, runs.Running)
    assert isinstance(running2, runs.Running)
    assert running2.options.export_steps == running.options.export_steps == ("--export-steps" in command)
    assert running2.options.data == str(began / "data.npz")
    assert not running2.options.fresh


@pytest.mark.parametrize("command", [SEARCH, NETADAPT], ids=["search", "netadapt"])
def test_resume_goes_on_from_another_folder_if_table_and_data_were_relative(
    command: tuple[str, ...], began: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (began / "tables").mkdir()
    shutil.copy(TABLE, began / "tables" / "small.jsonl")
    save_classes(began / "photos")
    monkeypatch.chdir(began / "photos")
    table = ("--table", "../tables/small.jsonl", "--resolution", "224")
    given = (*command, "--data", ".", *table, "--out", "../run")
    assert call(monkeypatch, *given)[0] == 0
    again = call(monkeypatch, *given)
    (began / "elsewhere").mkdir()
    monkeypatch.chdir(began / "elsewhere")
    code, [(running, _, settings, *_)] = call(monkeypatch, "resume", "../run")
    assert code == again[0] == 0
    assert settings == again[1][0][2]
    assert isinstance(running, runs.Running)
    assert Path(running.options.data).samefile(began / "photos")
    assert Path(running.options.table or "").samefile(began / "tables" / "small.jsonl")


def test_resume_refuses_another_table(
    began: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one.jsonl", "two.jsonl"):
        shutil.copy(TABLE, began / name)
    assert call(monkeypatch, *NETADAPT, "--data", "data.npz", "--table", "one.jsonl", "--out", "run")[0] == 0
    assert call(monkeypatch, *NETADAPT, "--data", "data.npz", "--table", "two.jsonl", "--out", "run") == (2, [])
    assert "--table was one.jsonl, now two.jsonl" in capsys.readouterr().err


def test_what_is_no_run_is_said(
    began: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "resume", "nowhere") == (2, [])
    assert "nowhere is no run" in capsys.readouterr().err
    (began / "asked.json").write_text('{"options": 3}')
    assert call(monkeypatch, "resume", ".") == (2, [])
    assert "Start the same command again with --out ." in capsys.readouterr().err


def test_what_is_given_beside_resume_is_refused(
    began: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, *NETADAPT, "--data", "data.npz", "--out", "run")
    assert call(monkeypatch, "netadapt", "--resume", "run", "--target-latency", "1ms", "--fresh") == (2, [])
    assert "takes no other options, but --target-latency, --fresh were given" in capsys.readouterr().err
    monkeypatch.setenv("NAS_WORKERS", "1")  # which is of the machine, not of the run
    assert call(monkeypatch, "netadapt", "--resume", "run", "--json")[0] == 0
    assert capsys.readouterr().out.startswith("{")


def test_without_resume_a_network_and_a_target_are_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "netadapt", "--from", "mobilenet_v3_small") == (2, [])
    assert "--target-latency must be given, or --resume RUN" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped. What a run has finished is kept: the same command, or 'nas resume RUN'"),
        (MemoryError(), 2, "the memory is full (no more is free). What is finished is kept"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 2 GB"), 2, "the memory is full (DefaultCPU"),
    ],
)
def test_what_ends_a_run_from_outside_is_told(
    error: BaseException, code: int, said: str, began: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def ended(*_: object) -> Result:
        raise error

    monkeypatch.setattr(runs, "_work", ended)
    monkeypatch.setattr("sys.argv", ["nas", *NETADAPT, "--data", "data.npz", "--out", "run"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == code
    assert f"nas: {said}" in capsys.readouterr().err
