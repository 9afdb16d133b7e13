"""Labels from tables: CSV, TSV and metadata.jsonl."""

import json
from pathlib import Path

import pytest

from nas.errors import InvalidData
from nas.nets.data.dataset import Data, load_data
from tests.nets.pictures import fill


def counts(data: Data) -> dict[str, tuple[int, ...]]:
    assert data.description is not None
    return dict(data.description.counts)


def write(path: Path, head: str, rows: list[str]) -> None:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


def pets(count: int, prefix: str = "", ending: str = ".png", first: int = 0) -> list[str]:
    return [f"{prefix}{k}{ending},{['cat', 'dog'][k % 2]}" for k in range(first, first + count)]


@pytest.mark.parametrize(
    ("name", "head", "prefix", "ending"),
    [
        ("labels.csv", "file,label", "images/", ".png"),
        ("labels.csv", "Image Name,Class", "", ".png"),
        ("annotations.csv", "file_name,target", "./images/", ".png"),
        ("train.csv", "id,breed", "", ""),  # Kaggle: names without ending
        ("labels.csv", "\ufeffPATH,CATEGORY", "images\\", ".png"),
    ],
)
def test_load_data_reads_labels_from_a_csv(tmp_path: Path, name: str, head: str, prefix: str, ending: str) -> None:
    fill(tmp_path / "images", 20)
    write(tmp_path / name, head, pets(20, prefix, ending))
    data = load_data(str(tmp_path))
    assert data.classes == ("cat", "dog")
    assert counts(data) == {"train": (6, 6), "val": (2, 2), "test": (2, 2)}
    assert data.description is not None
    assert data.description.layout == f"table of labels {name}"
    assert data.notes == ()


@pytest.mark.parametrize("separator", [";", "\t"])
def test_load_data_finds_the_separator_of_a_table(tmp_path: Path, separator: str) -> None:
    fill(tmp_path / "images", 20)
    write(tmp_path / "labels.csv", f"path{separator}label", [row.replace(",", separator) for row in pets(20)])
    assert load_data(str(tmp_path)).classes == ("cat", "dog")


def test_load_data_reads_metadata_of_each_split(tmp_path: Path) -> None:
    for place, part in enumerate(("train", "validation", "test")):
        fill(tmp_path / part, 10, first=100 * place)
        lines = [json.dumps({"file_name": f"{100 * place + k}.png", "label": k % 2}) for k in range(10)]
        (tmp_path / part / "metadata.jsonl").write_text("\n".join(lines))
    data = load_data(str(tmp_path))
    assert data.classes == ("0", "1")
    assert counts(data) == {"train": (5, 5), "val": (5, 5), "test": (5, 5)}


def test_load_data_orders_numbers_of_a_table_by_value(tmp_path: Path) -> None:
    fill(tmp_path / "images", 36)
    write(tmp_path / "labels.csv", "path,label", [f"{k}.png,{k % 12}" for k in range(36)])
    assert load_data(str(tmp_path)).classes == tuple(map(str, range(12)))


def test_load_data_splits_by_a_column_of_splits(tmp_path: Path) -> None:
    fill(tmp_path / "images", 20)
    rows = [f"{row},{('train', 'Valid', 'testing', 'train', 'train')[k // 4]}" for k, row in enumerate(pets(20))]
    write(tmp_path / "labels.csv", "path,label,split", rows)
    assert counts(load_data(str(tmp_path))) == {"train": (6, 6), "val": (2, 2), "test": (2, 2)}


def test_load_data_splits_by_tables_that_are_named_for_splits(tmp_path: Path) -> None:
    fill(tmp_path / "images", 20)
    write(tmp_path / "train.csv", "path,label", pets(12))
    write(tmp_path / "val.csv", "path,label", pets(4, first=12))
    write(tmp_path / "test.csv", "path", [f"{k}.png" for k in range(16, 20)])
    data = load_data(str(tmp_path))
    assert counts(data) == {"train": (5, 5), "val": (2, 2), "test": (1, 1)}
    assert "Left out: 4 rows of a table without a label: images/16.png" in data.notes[0]


def test_load_data_splits_by_the_folders_in_the_paths(tmp_path: Path) -> None:
    """Hugging Face's metadata beside train/ and test/; the dog breeds of Kaggle with an unlabelled test/."""
    fill(tmp_path / "train", 12)
    fill(tmp_path / "test", 4, first=12)
    write(tmp_path / "metadata.csv", "file_name,label", [*pets(12, "train/"), *pets(4, "test/", first=12)])
    assert counts(load_data(str(tmp_path)))["test"] == (2, 2)
    write(tmp_path / "metadata.csv", "id,breed", pets(12, ending=""))
    data = load_data(str(tmp_path))
    assert sum(map(sum, counts(data).values())) == 12
    assert data.notes == (
        "Left out: 4 unlabelled images of a split: test/12.png, test/13.png, test/14.png and 1 more.",
    )


def test_load_data_counts_rows_and_images_without_each_other(tmp_path: Path) -> None:
    fill(tmp_path / "images", 22)
    write(tmp_path / "labels.csv", "path,label", [*pets(20), "lost.png,cat", "21.png,"])
    assert load_data(str(tmp_path)).notes == (
        "Left out: 1 rows of a table without their file: lost.png.",
        "Left out: 1 rows of a table without a label: images/21.png.",
        "Left out: 1 images without a row in the table: images/20.png.",
    )


@pytest.mark.parametrize(
    ("head", "rows", "message"),
    [
        ("path,label,class", [f"{row},x" for row in pets(4)], "columns 'label' and 'class' could mean the same"),
        ("path,image,label", [f"a,{row}" for row in pets(4)], "columns 'path' and 'image' could mean the same"),
        ("label,label,path", ["cat,cat,0.png"], "several columns 'label'"),
        ("x,y", ["1,2"], r"no column names the image files \(its columns are 'x', 'y'\)"),
        ("path,colour", ["0.png,red", "1.png,blue"], "no column holds the labels of training images"),
        ("path,label", ["a.png,cat", "b.png,dog"], "none of its files is there, as 'a.png'"),
        ("path,label", ["0.png,cat", "0.png,dog"], "0.png is labelled both 'cat' and 'dog'"),
        ("path,label", ["0.png,cat", "1.png,cat"], "holds one class, 'cat'"),
        ("path,label,split", ["0.png,cat,red", "1.png,dog,blue"], "'red' is no split"),
        ("path,label", ["0.png,caf\udce9"], "cannot be read as a table in UTF-8"),
        ("path,label", [], "has no rows"),
        ("path,label", ["0.png,", "1.png,"], "no training image has a label in the table of labels labels.csv"),
    ],
)
def test_load_data_refuses_a_table_with_a_sentence(tmp_path: Path, head: str, rows: list[str], message: str) -> None:
    fill(tmp_path / "images", 4)
    text = "\n".join([head, *rows])
    (tmp_path / "labels.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InvalidData, match=message) as caught:
        load_data(str(tmp_path))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"file_name": "0.png", "label": [0, 1]}', r"holds \[0, 1\] where one label is needed"),
        ('{"file_name": "0.png", "label": ', "cannot be read as a table"),
        ('["0.png", 1]', "cannot be read as a table"),
    ],
)
def test_load_data_refuses_metadata_with_a_sentence(tmp_path: Path, line: str, message: str) -> None:
    fill(tmp_path / "images", 4)
    (tmp_path / "metadata.jsonl").write_text(line)
    with pytest.raises(InvalidData, match=message):
        load_data(str(tmp_path))


def test_load_data_refuses_class_folders_beside_a_table_of_other_classes(tmp_path: Path) -> None:
    fill(tmp_path / "photos", 4)
    fill(tmp_path / "thumbs", 4, first=50)
    write(tmp_path / "labels.csv", "path,label", pets(4, "photos/"))
    with pytest.raises(InvalidData, match="labels images cat, dog, but the folders beside it are photos, thumbs"):
        load_data(str(tmp_path))
