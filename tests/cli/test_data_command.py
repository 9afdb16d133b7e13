"""`nas data`: what is understood of a data set, for people and as JSON."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from nas.cli import main
from tests.nets.pictures import classes, fill, picture
from tests.tasks.made import coco_box, save_coco, save_image, save_mask, save_voc, voc_object


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


def fail(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says when it ends with exit code 2."""
    monkeypatch.setattr("sys.argv", ["nas", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.fixture
def boxed(tmp_path: Path) -> Path:
    """Pascal VOC data: a good box, one over the edge, an inverted one, and an image without objects."""
    root = tmp_path / "boxed"
    objects = [("RBC", (1, 1, 20, 20)), ("WBC", (50, 40, 90, 90)), ("RBC", (9, 9, 3, 12))]
    save_voc(root, "a", [voc_object(name, corners) for name, corners in objects])
    save_voc(root, "b", [])
    return root


def test_data_command_says_everything_about_boxes_as_json(
    boxed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run([str(boxed), "--json"], monkeypatch)
    found = json.loads(capsys.readouterr().out)
    assert found["task"] == "detection"
    assert found["classes"] == ["RBC", "WBC"]
    assert found["splits"] == {"train": 2}
    assert found["counts"] == {"train": [1, 1]}
    assert found["images_with"] == {"train": [1, 1]}
    assert found["images_without_boxes"] == {"train": 1}
    assert found["box_areas"] == {"train": {"small": 1.0, "medium": 0.0, "large": 0.0}}
    assert found["box_sides"] == {"least": 12, "p10": 12, "p50": 12, "p90": 20, "most": 20}
    assert found["sides"]["p50"] == 48
    assert [(row["count"], row["examples"]) for row in found["left_out"]] == [(1, ["Annotations/a.xml: object 3"])]
    assert any("1 boxes over the edge of their image are clipped" in note for note in found["notes"])
    assert any("Fewer than 20 training images show: RBC (1), WBC (1)" in warning for warning in found["warnings"])


def test_data_command_prints_tables_of_boxes(
    boxed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run([str(boxed)], monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert ["task", "detection"] in rows
    assert ["images without boxes", "train 1"] in rows
    assert ["WBC", "1", "50.0%"] in rows
    assert ["train", "100.0%", "0.0%", "0.0%"] in rows
    assert any(row[0].startswith("boxes whose right or lower edge") and row[1] == "1" for row in rows)


def test_data_command_writes_a_page_of_samples(
    boxed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run([str(boxed), "--samples", str(tmp_path / "out")], monkeypatch)
    page = (tmp_path / "out" / "samples.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 1  # the image without boxes is not shown beside one with boxes
    assert "JPEGImages/a.jpg (train): 2 boxes" in page
    assert "http" not in page
    assert "samples.html" in capsys.readouterr().err


def test_data_command_counts_pixels_of_masks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_image(tmp_path / "train" / "a.jpg")
    save_mask(tmp_path / "trainannot" / "a.png", [[0, 1, 2, 2] * 16] * 48)
    options = ["--void", "2", "--samples", str(tmp_path / "out"), "--json"]
    run([str(tmp_path), *options], monkeypatch)
    found = json.loads(capsys.readouterr().out)
    assert (found["task"], found["classes"]) == ("segmentation", ["0", "1"])
    assert found["counts"] == {"train": [16 * 48, 16 * 48]}
    assert found["void"] == {"train": 0.5}
    assert "train/a.jpg (train): 0, 1" in (tmp_path / "out" / "samples.html").read_text()
    run([str(tmp_path), "--void", "2"], monkeypatch)
    assert "train 50.0% of the pixels" in capsys.readouterr().out


def test_data_command_asks_which_task_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    polygon = [1.0, 1.0, 9.0, 1.0, 9.0, 9.0]
    save_coco(tmp_path, [coco_box([1, 1, 8, 8], segmentation=[polygon])])
    told = fail(["data", str(tmp_path)], monkeypatch, capsys)
    assert "may be data for detection or segmentation. Say which is meant" in told
    run([str(tmp_path), "--task", "segmentation", "--json"], monkeypatch)
    assert json.loads(capsys.readouterr().out)["classes"] == ["background", "cat", "dog"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--samples", "out"], "no boxes or masks were recognised, but --samples draws them"),
        (["--void", "3"], "no boxes or masks were recognised, but --void is for masks"),
        (["--task", "detection"], "holds no data for detection. Looked for COCO JSON"),
    ],
)
def test_data_command_refuses_what_classification_has_no_use_for(
    photos: Path,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert message in fail(["data", str(photos), *options], monkeypatch, capsys)


def test_data_command_refuses_an_annotation_file(
    boxed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = fail(["data", str(boxed / "Annotations" / "a.xml")], monkeypatch, capsys)
    assert "is an annotation file. Give the folder" in told


@pytest.mark.parametrize(
    "command",
    [
        ["train", "mobilenet_v3_small", "--out", "OUT"],
        ["search", "--target-latency", "5ms", "--out", "OUT"],
        ["netadapt", "--from", "mobilenet_v3_small", "--target-latency", "5ms", "--out", "OUT"],
    ],
)
def test_training_commands_refuse_data_of_another_task_than_the_one_asked_for(
    boxed: Path,
    tmp_path: Path,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [str(tmp_path / "out") if word == "OUT" else word for word in command]
    told = fail([*arguments, "--data", str(boxed), "--task", "classification"], monkeypatch, capsys)
    assert "is data for detection (boxes in Pascal VOC XML (Annotations/a.xml)), not for classification" in told


def test_data_command_says_where_samples_cannot_be_written(
    boxed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    told = fail(["data", str(boxed), "--samples", str(tmp_path / "file")], monkeypatch, capsys)
    assert "file: samples cannot be written there" in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--void", "3"], "--void 3 is for masks"),
        (["--resolution", "64"], "--resolution is for classification"),
    ],
)
def test_data_command_refuses_what_boxes_have_no_use_for(
    boxed: Path,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert message in fail(["data", str(boxed), *options], monkeypatch, capsys)


def test_data_command_refuses_a_task_of_folders_for_a_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "digits: is no folder" in fail(["data", "digits", "--task", "detection"], monkeypatch, capsys)
