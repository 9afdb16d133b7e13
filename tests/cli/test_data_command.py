"""`nas data`: what is understood of a data set, for people and as JSON."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from nas.cli import main
from tests.nets.pictures import classes, fill, picture


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command, which ends without an error."""
    monkeypatch.setattr("sys.argv", ["nas", "data", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Unequal classes in three splits, with copies, a broken link and a text."""
    root = tmp_path / "photos"
    fill(root / "train" / "fine", 190)
    fill(root / "train" / "scratched", 10, first=1000, shade=50)
    classes(root / "val", 20, first=2000, names=("fine", "scratched"))
    classes(root / "test", 20, first=3000, names=("fine", "scratched"))
    picture(7).save(root / "test" / "fine" / "copy.png")
    near = picture(8).resize((48, 48), Image.Resampling.BICUBIC)
    near.save(root / "test" / "fine" / "near.png")
    (root / "train" / "fine" / "lost.png").symlink_to(tmp_path / "nowhere")
    (root / "train" / "fine" / "list.txt").write_text("0.png")
    return root


def test_data_command_says_everything_as_json(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run([str(photos), "--json"], monkeypatch)
    found = json.loads(capsys.readouterr().out)
    assert found["task"] == "classification"
    assert found["classes"] == ["fine", "scratched"]
    assert found["splits"] == {"train": 200, "val": 40, "test": 42}
    assert found["counts"] == {"train": [190, 10], "val": [20, 20], "test": [22, 20]}
    assert found["left_out"] == [
        {"reason": "links that lead nowhere", "count": 1, "examples": ["train/fine/lost.png"]},
        {"reason": ".txt files that hold no image", "count": 1, "examples": ["train/fine/list.txt"]},
    ]
    assert found["stored_resolution"] == 24
    assert found["largest_share"] == 0.95
    assert [row["examples"] for row in found["exact_copies"]] == [[["test/fine/copy.png", "train/fine/7.png"]]]
    assert [row["examples"] for row in found["near_copies"]] == [[["test/fine/near.png", "train/fine/8.png"]]]
    assert any("95% of the training images are of class 'fine'" in warning for warning in found["warnings"])
    assert any("Fewer than 20 training images: scratched (10)" in warning for warning in found["warnings"])


def test_data_command_prints_tables(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run([str(photos)], monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert ["scratched", "10", "20", "20", "5.0%"] in rows
    assert [".txt files that hold no image", "1", "train/fine/list.txt"] in rows
    assert ["layout", "class folders in train/, val/, test/"] in rows


def test_data_command_takes_brackets_in_names_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run([str(classes(tmp_path, 10, names=("[red]", "[bold]")))], monkeypatch)
    assert "[red]" in capsys.readouterr().out


def test_data_command_prints_names_that_the_terminal_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", written)
    run([str(classes(tmp_path, 10, names=("né", "日本")))], monkeypatch)
    written.seek(0)
    assert "n?" in written.read()


def test_data_command_refuses_a_folder_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["nas", "data", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "no such data set" in capsys.readouterr().err
