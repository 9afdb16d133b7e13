"""A user's mistake ends in a sentence and exit code 2: no traceback, nothing lost."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from nas.cli import main


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of the command line."""
    monkeypatch.setattr("sys.argv", ["nas", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):  # type: ignore[no-untyped-def]
    """Runs a command that must be refused; gives what it said."""
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "400")

    def call(*arguments: str) -> str:
        assert run(list(arguments), monkeypatch) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err
        return captured.err

    return call


@pytest.mark.parametrize("target", ["0ms", "-3", "fast", "15", "nanms", "infms", "-15ms", ""])
def test_a_target_that_is_no_time(target: str, refuse) -> None:  # type: ignore[no-untyped-def]
    assert "15ms, 0.015s or 800us" in refuse("search", "--target-latency", target)


@pytest.mark.parametrize(
    "command",
    [
        ("search", "--target-latency", "15ms"),
        ("netadapt", "--from", "mobilenet_v3_small", "--target-latency", "15ms"),
        ("train", "mobilenet_v3_small"),
    ],
)
def test_an_augmentation_that_there_is_not(command: tuple[str, ...], refuse) -> None:  # type: ignore[no-untyped-def]
    assert "'cutmx' is no augmentation. Did you mean cutmix?" in refuse(*command, "--augment", "crop,cutmx")


@pytest.mark.parametrize(
    "option", [("evaluator", "zero-cost"), ("sampler", "predictor"), ("objective", "reward"), ("budget", "30m")]
)
def test_what_does_not_go_with_a_front(option: tuple[str, str], refuse) -> None:  # type: ignore[no-untyped-def]
    name, value = option
    said = refuse("search", "--pareto", "--target-latency", "8ms,15ms", f"--{name}", value)
    assert "--pareto" in said
    assert f"--{name}" in said


@pytest.mark.parametrize("command", [("search",), ("netadapt", "--from", "mobilenet_v3_small")])
@pytest.mark.parametrize("epochs", ["inf", "nan", "1e300", "-1"])
def test_epochs_without_an_end(command: tuple[str, ...], epochs: str, refuse) -> None:  # type: ignore[no-untyped-def]
    assert "'--epochs'" in refuse(*command, "--target-latency", "15ms", "--epochs", epochs)


@pytest.mark.parametrize("data", ["", " "])
def test_data_without_a_name_is_not_the_current_folder(data: str, refuse) -> None:  # type: ignore[no-untyped-def]
    assert "--data is empty" in refuse("search", "--target-latency", "15ms", "--data", data)


def test_an_unknown_runtime(refuse) -> None:  # type: ignore[no-untyped-def]
    said = refuse("search", "--target-latency", "15ms", "--runtime", "tensorrt")
    assert "onnxruntime, openvino, litert, torch, torch-compile" in said


def test_an_unknown_space(refuse) -> None:  # type: ignore[no-untyped-def]
    assert "mobilenet_v3_small" in refuse("search", "--target-latency", "15ms", "--space", "resnet")


def test_weights_to_start_from_that_do_not_say_their_network(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "own.safetensors"
    save_file({"stem.conv.weight": torch.ones(8, 3, 3, 3)}, path)
    start = ["netadapt", "--target-latency", "5ms", "--from", str(path)]
    assert "own.safetensors: does not say which network its weights are of. Give the network" in refuse(*start)
    assert "Give --from the network of --weights" in refuse(*start, "--weights", str(path))


def test_an_unknown_network(refuse) -> None:  # type: ignore[no-untyped-def]
    assert "mobilenet_v2" in refuse("price", "mobilenet_v9")
    assert "mobilenet_v2" in refuse("netadapt", "--from", "resnet", "--target-latency", "5ms")


def test_no_such_data(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    missing = str(tmp_path / "missing")
    assert missing in refuse("search", "--target-latency", "15ms", "--data", missing)


def test_an_empty_folder_and_one_class(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "photos").mkdir()
    assert "photos" in refuse("search", "--target-latency", "15ms", "--data", str(tmp_path / "photos"))
    (tmp_path / "photos" / "cat").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "cat" / "a.png")
    assert "class" in refuse("search", "--target-latency", "15ms", "--data", str(tmp_path / "photos"))


def test_wrong_keys_of_an_archive(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    np.savez(tmp_path / "data.npz", images=np.zeros((4, 8, 8), np.uint8))
    assert "x_train" in refuse("search", "--target-latency", "15ms", "--data", str(tmp_path / "data.npz"))


def test_a_folder_that_is_no_run(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "thesis.tex").write_text("years of work")
    for fresh in ([], ["--fresh"]):
        said = refuse("search", "--target-latency", "15ms", "--data", "digits", "--out", str(tmp_path), *fresh)
        assert "thesis.tex" in said
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_unwritable_place(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    arguments = ["search", "--target-latency", "15ms", "--data", "digits", "--out", str(tmp_path / "file" / "run")]
    assert "cannot be written" in refuse(*arguments)


def test_a_run_with_other_settings(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run_folder, table = tmp_path / "run", "epyc-zen5-litert"  # of other conditions, which is seen when the run begins
    arguments = ["netadapt", "--from", "mobilenet_v3_small", "--data", "digits", "--resolution", "224"]
    arguments += ["--out", str(run_folder), "--table", table]
    assert table in refuse(*arguments, "--target-latency", "15ms")
    said = refuse(*arguments, "--target-latency", "14ms", "--seed", "3")
    assert "--target-latency was 15.0, now 14.0" in said
    assert "--seed was 0, now 3" in said
    assert "--target-latency was a single one, now 14.0, 16.0" in refuse(*arguments, "--target-latency", "14ms,16ms")
    assert json.loads((run_folder / "settings.json").read_text())["target_ms"] == 15


def test_a_damaged_journal_names_its_line(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    arguments = [
        "netadapt",
        "--from",
        "mobilenet_v3_small",
        "--target-latency",
        "15ms",
        "--data",
        "digits",
        "--resolution",
        "224",
        "--out",
        str(tmp_path / "run"),
        "--table",
        "epyc-zen5-litert",
    ]
    refuse(*arguments)
    journal = tmp_path / "run" / "journal.jsonl"
    journal.write_text('{"type":"spent","key":"a","seconds":1}\n{"type":"trial","key":3}\n')
    said = refuse(*arguments)
    assert "line 2" in said
    assert "--fresh" in said


def test_a_table_that_is_not_there_is_missed_before_a_plan_is_measured(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    arguments = ["search", "--target-latency", "15ms", "--data", "digits", "--out", str(tmp_path / "run"), "--table"]
    assert "no-table.jsonl" in refuse(*arguments, str(tmp_path / "no-table.jsonl"))
    assert not (tmp_path / "run" / "plan.json").exists()


def test_a_malformed_architecture_file(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "architecture.json").write_text('{"format": "nas-architecture-1", "resolution": 3}')
    assert "resolution = 3" in refuse("price", str(tmp_path / "architecture.json"))


def test_weights_that_do_not_fit(refuse, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "w.safetensors").write_bytes(b"not weights")
    said = refuse(
        "netadapt",
        "--from",
        "mobilenet_v3_small",
        "--target-latency",
        "1ms",
        "--data",
        "digits",
        "--weights",
        str(tmp_path / "w.safetensors"),
    )
    assert "w.safetensors" in said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("pretrained:efficientnet_lite9", "The nearest names are pretrained:efficientnet_lite"),
        ("pretraned:efficientnet_lite0", "Did you mean pretrained:efficientnet_lite0?"),
        (".", "architecture.json and weights.safetensors are missing"),
    ],
)
def test_names_of_weights_and_folders_that_hold_none(  # type: ignore[no-untyped-def]
    source: str, said: str, refuse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refuse("netadapt", "--from", source, "--target-latency", "5ms")
    assert said in refuse("search", "--from", source, "--target-latency", "5ms")
    assert said in refuse("train", source)
    assert said in refuse("export", "efficientnet_lite0", "--weights", source, "--out", "model.onnx")
