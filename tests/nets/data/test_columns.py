import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nas.errors import InvalidData
from nas.nets.data.dataset import load_data
from tests.nets.data.test_archives import counts, png
from tests.nets.pictures import classes, fill

FEATURES = {"image": {"_type": "Image"}, "label": {"names": ["dog", "cat", "bird"], "_type": "ClassLabel"}}


def table(first: int = 0, count: int = 20, features: dict[str, Any] | None = None, **columns: Any) -> pa.Table:
    """A table as Hugging Face's library writes it: images as structs, and what it says of columns in the schema."""
    images = [{"bytes": png(seed), "path": f"{seed}.png"} for seed in range(first, first + count)]
    found = pa.table({"image": images, "label": [seed % 2 for seed in range(count)], **columns})
    said = {"info": {"features": FEATURES if features is None else features}}
    return found.replace_schema_metadata({"huggingface": json.dumps(said)})


def save(folder: Path, part: pa.Table) -> None:
    """What `datasets.Dataset.save_to_disk` writes: Arrow streams, and two files of JSON."""
    folder.mkdir(parents=True)
    with pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as file, pa.ipc.new_stream(file, part.schema) as to:
        to.write_table(part, max_chunksize=7)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    (folder / "dataset_info.json").write_text("{}")


def saved(root: Path) -> Path:
    for split, first, count in (("train", 0, 20), ("validation", 100, 6)):
        save(root / split, table(first, count))
    (root / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "validation"]}))
    return root


def test_load_data_reads_what_datasets_saved(tmp_path: Path) -> None:
    data = load_data(str(saved(tmp_path / "set")))
    assert counts(data) == [18, 6, 2]
    assert data.classes == ("dog", "cat")  # in the order of the features, those that are there
    assert data.line.startswith("saved by Hugging Face datasets; 2 classes (dog, cat)")


def test_load_data_reads_one_split_that_datasets_saved(tmp_path: Path) -> None:
    save(tmp_path / "set", table())
    assert counts(load_data(str(tmp_path / "set"))) == [12, 4, 4]


def test_load_data_reads_parquet_files_by_split(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pq.write_table(table(), tmp_path / "data" / "train-00000-of-00001.parquet", row_group_size=3)
    pq.write_table(table(100, 6), tmp_path / "data" / "validation-00000-of-00001.parquet")
    assert counts(load_data(str(tmp_path))) == [18, 6, 2]


def test_load_data_gives_the_same_images_from_parquet_as_from_a_folder(tmp_path: Path) -> None:
    folder = classes(tmp_path / "photos", 10)
    paths = sorted(folder.glob("*/*.png"))
    rows = {"image": [path.read_bytes() for path in paths], "label": [path.parent.name for path in paths]}
    pq.write_table(pa.table(rows), tmp_path / "photos.parquet", row_group_size=4)
    assert load_data(str(tmp_path / "photos.parquet")).digest == load_data(str(folder)).digest


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("absolute", [False, True])
def test_load_data_reads_a_table_of_paths(tmp_path: Path, ending: str, absolute: bool) -> None:
    fill(tmp_path / "images", 12)
    home = f"{tmp_path}/" if absolute else ""
    rows = [{"path": f"{home}images/{k}.png", "label": ["cat", "dog"][k % 2]} for k in range(12)]
    file = tmp_path / f"labels.{ending}"
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif ending == "csv":
        file.write_text("path,label\n" + "".join(f"{row['path']},{row['label']}\n" for row in rows))
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = load_data(str(file))
    assert sum(counts(data)) == 12
    assert data.line.startswith(f"table of labels labels.{ending}; 2 classes (cat, dog)")


def test_load_data_refuses_a_table_whose_paths_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,label\nlost/0.png,cat\nlost/1.png,dog\n")
    with pytest.raises(InvalidData, match=r"labels\.csv: none of its files is there, as 'lost/0\.png'"):
        load_data(str(tmp_path / "labels.csv"))


def test_load_data_follows_paths_of_an_image_column(tmp_path: Path) -> None:
    """As `to_parquet` writes a data set whose images are files."""
    fill(tmp_path / "images", 12)
    images = [{"bytes": None, "path": f"images/{k}.png"} for k in range(12)]
    pq.write_table(pa.table({"image": images, "label": [k % 2 for k in range(12)]}), tmp_path / "a.parquet")
    assert sum(counts(load_data(str(tmp_path / "a.parquet")))) == 12


def test_load_data_counts_rows_without_a_label(tmp_path: Path) -> None:
    pq.write_table(table(label=[-1, None, *(k % 2 for k in range(18))]), tmp_path / "a.parquet")
    data = load_data(str(tmp_path / "a.parquet"))
    assert data.notes == ("Left out: 2 rows of a table without a label: a.parquet/00000000, a.parquet/00000001.",)


@pytest.mark.parametrize(
    ("columns", "features", "message"),
    [
        ({"image": [b"no image"] * 20}, {}, "column 'image' holds no images"),
        ({"image": list(range(20))}, {}, "none of its files is there, as '0'"),
        ({"label": [[1, 2]] * 20}, {}, "where one label is needed"),
        ({"label": [7] * 20}, FEATURES, "holds label 7, but 3 classes are named"),
        ({"label": [0.5] * 20}, {}, "holds 0.5 where one label is needed"),
        ({"second": [b"x"] * 20, "image": [b"x"] * 20}, {}, "columns 'image' and 'second' all hold images"),
        (
            {"fine": [0] * 20},
            {**FEATURES, "fine": {"_type": "ClassLabel", "names": ["a"]}},
            "columns 'label' and 'fine' could all be the labels",
        ),
        ({"class": ["a"] * 20}, {}, "columns 'label' and 'class' could mean the same"),
    ],
)
def test_load_data_refuses_columns_with_a_sentence(
    tmp_path: Path, columns: dict[str, Any], features: dict[str, Any], message: str
) -> None:
    pq.write_table(table(features=features, **columns), tmp_path / "a.parquet")
    with pytest.raises(InvalidData, match=message):
        load_data(str(tmp_path / "a.parquet"))


def test_load_data_refuses_images_without_a_column_of_labels(tmp_path: Path) -> None:
    pq.write_table(table(features={}).drop_columns("label"), tmp_path / "a.parquet")
    with pytest.raises(InvalidData, match="no column holds labels"):
        load_data(str(tmp_path / "a.parquet"))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_load_data_refuses_a_parquet_file_that_is_cut(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(table(), path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InvalidData, match=r"a\.parquet: is cut or broken"):
        load_data(str(path))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_load_data_refuses_a_saved_part_that_is_cut(tmp_path: Path, share: float) -> None:
    [path] = (saved(tmp_path / "set") / "train").glob("*.arrow")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InvalidData, match=r"\.arrow: is cut or broken"):
        load_data(str(tmp_path / "set"))


def test_load_data_names_a_saved_part_that_is_missing(tmp_path: Path) -> None:
    [path] = (saved(tmp_path / "set") / "train").glob("*.arrow")
    path.unlink()
    with pytest.raises(InvalidData, match=r"\.arrow: is missing"):
        load_data(str(tmp_path / "set"))


@pytest.mark.parametrize("name", ["../other.arrow", "/etc/passwd"])
def test_load_data_follows_no_name_out_of_a_saved_folder(tmp_path: Path, name: str) -> None:
    state = saved(tmp_path / "set") / "train" / "state.json"
    state.write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(InvalidData, match="which is no file of this folder"):
        load_data(str(tmp_path / "set"))


def test_load_data_refuses_saved_splits_of_unknown_names(tmp_path: Path) -> None:
    saved(tmp_path / "set")
    (tmp_path / "set" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "extra"]}))
    with pytest.raises(InvalidData, match="split 'extra' is none of train, val and test"):
        load_data(str(tmp_path / "set"))


def test_load_data_by_name_says_which_package_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InvalidData, match="hf:some/pets: needs the package `datasets`"):
        load_data("hf:some/pets")


def test_load_data_by_name_downloads_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load_dataset(name: str) -> Any:
        asked.append(name)
        return SimpleNamespace(save_to_disk=lambda path: saved(Path(path)))

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    assert load_data("hf:some/pets").digest == load_data("hf:some/pets").digest
    assert asked == ["some/pets"]


def test_load_data_by_name_says_why_it_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(name: str) -> Any:
        raise ConnectionError("no network")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    with pytest.raises(InvalidData, match=r"hf:some/pets: cannot be downloaded \(ConnectionError: no network\)"):
        load_data("hf:some/pets")
