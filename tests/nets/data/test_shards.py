import json
from pathlib import Path

import pytest

from nas.errors import InvalidData
from nas.nets.data.dataset import load_data
from tests.nets.data.test_archives import counts, png, tarred


def samples(first: int, count: int, names: tuple[str, ...] = ("0", "1")) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for key in range(first, first + count):
        found[f"{key:06d}.png"] = png(key)
        found[f"{key:06d}.cls"] = names[key % len(names)].encode()
    return found


def shards(root: Path, counts: dict[str, int], names: tuple[str, ...] = ("0", "1")) -> Path:
    first = 0
    for name, count in counts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        tarred(root / name, samples(first, count, names))
        first += count
    return root


@pytest.mark.parametrize("folder", ["{split}-00{k}.tar", "set-{split}-{k}.tar", "{split}/{k}.tar"])
def test_load_data_reads_webdataset_shards_by_split(tmp_path: Path, folder: str) -> None:
    names = {folder.format(split=split, k=k): 10 for split, some in (("train", 2), ("val", 1)) for k in range(some)}
    data = load_data(str(shards(tmp_path, names)))
    assert counts(data) == [18, 10, 2]
    assert data.line.startswith("3 WebDataset shards; 2 classes (0, 1)")


def test_load_data_orders_numbered_classes_of_shards_by_value(tmp_path: Path) -> None:
    numbers = tuple(str(number) for number in range(12))
    assert load_data(str(shards(tmp_path, {"a-0.tar": 60}, numbers))).classes == numbers


def test_load_data_reads_the_shards_of_a_pattern_only(tmp_path: Path) -> None:
    shards(tmp_path, {f"a-{k:03d}.tar": 10 for k in range(8, 13)})
    assert sum(counts(load_data(str(tmp_path / "a-{009..011}.tar")))) == 30


def test_load_data_reads_labels_of_json_files(tmp_path: Path) -> None:
    members = {
        f"{key}.{end}": content
        for key in range(10)
        for end, content in (
            ("png", png(key)),
            ("json", json.dumps({"label": ["cat", "dog"][key % 2], "w": 24}).encode()),
        )
    }
    assert load_data(str(tarred(tmp_path / "a.tar", members))).classes == ("cat", "dog")


def test_load_data_counts_images_of_shards_without_a_label(tmp_path: Path) -> None:
    data = load_data(str(tarred(tmp_path / "a.tar", {**samples(0, 20), "lost.png": png(99)})))
    assert data.notes == ("Left out: 1 images of a shard without a label file: lost.png.",)


def test_load_data_names_the_shard_that_is_cut(tmp_path: Path) -> None:
    shards(tmp_path, {f"a-{k}.tar": 10 for k in range(3)})
    cut = tmp_path / "a-1.tar"
    cut.write_bytes(cut.read_bytes()[:9000])
    with pytest.raises(InvalidData, match=r"a-1\.tar: is cut or no tar archive"):
        load_data(str(tmp_path))


def test_load_data_names_the_shard_that_is_missing(tmp_path: Path) -> None:
    shards(tmp_path, {"a-0.tar": 10})
    with pytest.raises(InvalidData, match=r"a-1\.tar: there is no such file; 2 of 3 of .* are missing"):
        load_data(str(tmp_path / "a-{0..2}.tar"))


def test_load_data_refuses_classes_that_only_a_later_split_has(tmp_path: Path) -> None:
    shards(tmp_path, {"train-0.tar": 10})
    tarred(tmp_path / "val-0.tar", samples(50, 10, ("0", "2")))
    with pytest.raises(InvalidData, match="there is no class '2' among the training images"):
        load_data(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"two\nlines"])
def test_load_data_refuses_a_label_file_that_holds_no_label(tmp_path: Path, content: bytes) -> None:
    tarred(tmp_path / "a.tar", {**samples(0, 10), "000003.cls": content})
    with pytest.raises(InvalidData, match=r"000003\.cls: (is no|holds no) label"):
        load_data(str(tmp_path / "a.tar"))


def test_load_data_refuses_shards_without_a_training_split(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="holds shards of val, but none of training"):
        load_data(str(shards(tmp_path, {"val-0.tar": 10})))
