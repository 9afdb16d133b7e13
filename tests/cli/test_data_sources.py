"""Wrong input of `nas data`, whatever the source: a sentence, exit code 2, and nothing of the input is changed."""

import json
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nas.cli import main
from tests.nets.pictures import classes, fill


def cut_shard(root: Path) -> Path:
    fill(root / "in", 6)
    with tarfile.open(root / "train-0.tar", "w") as archive:
        for number in range(6):
            (root / "in" / f"{number}.cls").write_text(str(number % 2))
            for ending in ("png", "cls"):
                archive.add(root / "in" / f"{number}.{ending}", f"{number}.{ending}")
    path = root / "train-0.tar"
    path.write_bytes(path.read_bytes()[:4000])
    return path


def cut_zip(root: Path) -> Path:
    path = root / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for image in classes(root / "photos", 4).glob("*/*"):
            archive.write(image, image.relative_to(root))
    path.write_bytes(path.read_bytes()[:4000])
    return path


def lost_paths(root: Path) -> Path:
    (root / "labels.csv").write_text("path,label\na.png,cat\nb.png,dog\n")
    return root / "labels.csv"


def no_images(root: Path) -> Path:
    pq.write_table(pa.table({"image": [b"text"] * 9, "label": ["a", "b", "c"] * 3}), root / "a.parquet")
    return root / "a.parquet"


def other_classes(root: Path) -> Path:
    classes(root / "set" / "train", 4)
    classes(root / "set" / "val", 4, names=("cat", "horse"))
    return root / "set"


def foreign_store(root: Path) -> Path:
    photos = classes(root / "photos", 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["nas", "data", str(photos)])
        with pytest.raises(SystemExit):
            main()
    [manifest] = root.glob("cache/data/*/store.json")
    manifest.write_text(json.dumps({"digest": "of another", "parts": {}}))
    return photos


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (cut_shard, "train-0.tar: is cut or no tar archive"),
        (cut_zip, "photos.zip: is cut or no zip archive"),
        (lost_paths, "labels.csv: none of its files is there, as 'a.png'"),
        (no_images, "column 'image' holds no images"),
        (other_classes, "there is no class 'horse' among the training images"),
        (foreign_store, "is the store of another data set"),
    ],
)
def test_data_command_refuses_a_source_with_a_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], make: object, message: str
) -> None:
    assert callable(make)
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("nas.nets.data.pictures.MOST_IN_MEMORY", 0)
    source = make(tmp_path)
    capsys.readouterr()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr("sys.argv", ["nas", "data", str(source)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
