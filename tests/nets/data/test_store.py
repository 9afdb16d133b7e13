import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas.errors import InvalidData
from nas.nets.data.dataset import Data, describe_data, load_data
from nas.nets.data.image_split import Split
from nas.nets.data.reading.inspection import inspect_data
from tests.nets.pictures import classes, fill, picture

pytestmark = pytest.mark.usefixtures("no_memory")
SPLITS = ("train", "val", "test")


def stores(cache: Path) -> list[Path]:
    return sorted((cache / "data").glob("*"))


def in_memory(spec: Path, largest: int | None = None) -> Data:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.nets.data.pictures.MOST_IN_MEMORY", 4_000_000_000)
        return load_data(str(spec), largest=largest)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Pictures of many kinds: JPEG, turned by EXIF, transparent, a palette, of 16 bits, tall and wide."""
    root = classes(tmp_path / "odd", 8)
    picture(1, (70, 40)).save(root / "cat" / "wide.jpg", quality=95)
    turned = picture(2, (30, 50))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(root / "cat" / "turned.jpg", exif=exif, quality=95)
    clear = picture(3).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize((24, 24)))
    clear.save(root / "dog" / "clear.png")
    picture(4).quantize(16).save(root / "dog" / "palette.png")
    deep = np.random.default_rng(0).integers(0, 4000, (24, 24)).astype(np.uint16)
    Image.fromarray(deep).save(root / "dog" / "deep.png")
    return root


@pytest.mark.parametrize("largest", [None, 16])
def test_load_data_gives_the_same_pixels_from_a_store_as_from_memory(odd: Path, largest: int | None) -> None:
    stored, expected = load_data(str(odd), largest=largest), in_memory(odd, largest)
    for split in SPLITS:
        found, known = getattr(stored, split), getattr(expected, split)
        assert not isinstance(found.source, torch.Tensor)
        assert torch.equal(found.images, known.images)
        assert torch.equal(found.labels, known.labels)
    assert stored.description is not None
    assert expected.description is not None
    assert stored.description.counts == expected.description.counts
    assert (stored.size, stored.sides, stored.photos) == (expected.size, expected.sides, expected.photos)
    assert stored.notes[:-1] == expected.notes


def test_a_grey_data_set_stays_grey_in_a_store(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for seed in range(6):
            path = tmp_path / "grey" / name / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(seed).convert("L").save(path)
    assert load_data(str(tmp_path / "grey")).train.shape[1:] == (1, 24, 24)


def test_inspect_data_sees_in_a_store_what_it_sees_in_memory(tmp_path: Path) -> None:
    classes(tmp_path / "train", 20)
    classes(tmp_path / "val", 20, first=500)
    classes(tmp_path / "test", 20, first=700)
    shutil.copy(tmp_path / "train" / "cat" / "3.png", tmp_path / "val" / "cat" / "copy.png")
    shutil.copy(tmp_path / "train" / "cat" / "4.png", tmp_path / "val" / "dog" / "wrong.png")
    slope = Image.linear_gradient("L").convert("RGB")
    slope.resize((24, 24)).save(tmp_path / "train" / "cat" / "slope.png")
    slope.resize((48, 48)).save(tmp_path / "test" / "cat" / "near.png")
    Image.new("RGB", (24, 24), "red").save(tmp_path / "test" / "cat" / "flat.png")
    found = inspect_data(*describe_data(str(tmp_path)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.nets.data.pictures.MOST_IN_MEMORY", 4_000_000_000)
        expected = inspect_data(*describe_data(str(tmp_path)))
    assert found.exact_copies == expected.exact_copies
    assert found.near_copies == expected.near_copies
    assert found.warnings == expected.warnings
    assert [row.count for row in found.exact_copies] == [2]
    assert [row.count for row in found.near_copies] == [1]


def test_load_data_makes_a_store_once_and_says_so(tmp_path: Path, cache: Path) -> None:
    photos, lines = classes(tmp_path / "photos", 10), list[str]()
    first = load_data(str(photos), say=lines.append)
    assert lines[0].startswith("Making a store of 20 encoded images in ")
    again = load_data(str(photos), say=lines.append)
    assert first.digest == again.digest
    assert len([line for line in lines if line.startswith("Making")]) == 1
    assert len(stores(cache)) == 1


def test_a_changed_data_set_gets_another_store_and_the_old_one_stays(tmp_path: Path, cache: Path) -> None:
    photos, lines = classes(tmp_path / "photos", 10), list[str]()
    first = load_data(str(photos))
    picture(99).save(photos / "cat" / "0.png")
    assert load_data(str(photos), say=lines.append).digest != first.digest
    assert len(stores(cache)) == 2
    assert lines[1].startswith("Beside it are stores of the same name")


def test_split_read_decodes_no_larger_than_asked(tmp_path: Path) -> None:
    split = load_data(str(classes(tmp_path / "photos", 10))).train
    some = torch.tensor([5, 0, 5])
    assert split.read(some, 16).shape == (3, 3, 16, 16)
    assert split.read(some, 100).shape == (3, 3, 24, 24)
    assert torch.equal(split.read(some), split.images[some])
    assert torch.equal(split.pick(some).images, split.images[some])
    assert torch.equal(split.read(slice(1, 9, 3)), split.images[1:9:3])


def test_split_stream_gives_batches_in_order(tmp_path: Path) -> None:
    split = load_data(str(classes(tmp_path / "photos", 10))).train
    parts = [torch.tensor([k, (k * 5) % 12]) for k in range(12)]
    for part, images in zip(parts, split.stream((part, None) for part in parts), strict=True):
        assert torch.equal(images, split.read(part))


def test_split_stream_that_is_left_early_leaves_nothing_behind(tmp_path: Path) -> None:
    split = load_data(str(classes(tmp_path / "photos", 10))).train
    stream = split.stream((torch.tensor([0]), None) for _ in range(1000))
    next(stream)
    assert isinstance(stream, Iterator)
    del stream
    assert torch.equal(split.read(torch.tensor([0])), split.images[:1])


def test_a_split_of_a_store_is_small_when_pickled_and_reads_the_same(tmp_path: Path) -> None:
    split = load_data(str(classes(tmp_path / "photos", 10))).train
    packed = pickle.dumps(split, protocol=5)
    arrived: Split = pickle.loads(packed)  # noqa: S301 - our own
    assert len(packed) < 3000
    assert torch.equal(arrived.images, split.images)


def test_images_of_a_store_that_do_not_fit_are_refused_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = load_data(str(classes(tmp_path / "photos", 10))).train
    monkeypatch.setattr("nas.nets.data.image_split.MOST_IN_MEMORY", 100)
    with pytest.raises(InvalidData, match="do not fit into memory"):
        _ = split.images


def test_load_data_names_what_is_broken_when_a_store_is_made_and_later(tmp_path: Path) -> None:
    photos = classes(tmp_path / "photos", 100)
    broken = photos / "cat" / "7.png"
    broken.write_bytes(broken.read_bytes()[:200])
    (photos / "dog" / "list.txt").write_text("0.png")
    for _ in range(2):
        assert load_data(str(photos)).notes[:2] == (
            "1 of 200 images could not be read: cat/7.png, skipped",
            "Left out: 1 .txt files that hold no image: dog/list.txt.",
        )


def test_load_data_refuses_a_store_of_more_than_one_broken_image_in_a_hundred(tmp_path: Path) -> None:
    photos = classes(tmp_path / "photos", 10)
    (photos / "cat" / "3.png").write_bytes(b"no image at all")
    with pytest.raises(InvalidData, match=r"1 of 20 images could not be read: cat/3\.png"):
        load_data(str(photos))


def test_load_data_makes_anew_only_the_part_of_a_store_that_was_cut(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.nets.data.store.make._PART_BYTES", 5000)
    photos = classes(tmp_path / "photos", 10)
    load_data(str(photos))
    parts = sorted(stores(cache)[0].glob("part-*"))
    assert len(parts) > 3
    parts[1].write_bytes(parts[1].read_bytes()[:3000])
    times = [part.stat().st_mtime_ns for part in parts]
    again = load_data(str(photos))
    changed = [part.stat().st_mtime_ns != before for part, before in zip(parts, times, strict=True)]
    assert changed == [number == 1 for number in range(len(parts))]
    assert torch.equal(again.train.images, in_memory(photos).train.images)


def test_an_image_of_a_store_that_was_cut_meanwhile_is_said(tmp_path: Path, cache: Path) -> None:
    split = load_data(str(classes(tmp_path / "photos", 10))).train
    [part] = stores(cache)[0].glob("part-*")
    os.truncate(part, 2000)
    with pytest.raises(InvalidData, match=r"image \d+ cannot be read any more\. Remove the folder"):
        split.read(torch.arange(len(split)))


def test_load_data_refuses_the_store_of_another_data_set(tmp_path: Path, cache: Path) -> None:
    load_data(str(classes(tmp_path / "one", 10)))
    load_data(str(classes(tmp_path / "two", 10, first=50)))
    one, two = stores(cache)
    shutil.rmtree(two)
    shutil.copytree(one, two)
    before = (two / "store.json").read_bytes()
    with pytest.raises(InvalidData, match=r"two-\w+: is the store of another data set\. Remove it"):
        load_data(str(tmp_path / "two"))
    assert (two / "store.json").read_bytes() == before


def test_load_data_says_that_the_list_of_a_store_is_broken(tmp_path: Path, cache: Path) -> None:
    photos = classes(tmp_path / "photos", 10)
    load_data(str(photos))
    (stores(cache)[0] / "store.json").write_text("{")
    with pytest.raises(InvalidData, match=r"store\.json: is broken .* it is made anew"):
        load_data(str(photos))


def test_load_data_says_that_there_is_no_space_for_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(tmp_path))(10, 0, 10)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(InvalidData, match=r"its store takes 0\.0 GB more, but .* has 0\.0 GB\. Free space"):
        load_data(str(classes(tmp_path / "photos", 10)))


SLOW = """
import time
import nas.nets.data.pictures as pictures
import nas.nets.data.store.make as make
pictures.MOST_IN_MEMORY, make._PART_BYTES = 0, 5000
read = make.read_row
make.read_row = lambda *given: (time.sleep(0.02), read(*given))[1]
pictures.read_pictures({path!r})
"""


def test_a_store_whose_making_was_killed_is_taken_up_where_it_stopped(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = classes(tmp_path / "photos", 40)
    process = subprocess.Popen([sys.executable, "-c", SLOW.format(path=str(photos))], env={**os.environ})
    until = time.monotonic() + 60
    while not (stores(cache) and len(list(stores(cache)[0].glob("part-*"))) >= 3) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder = stores(cache)[0]
    made = {part: part.stat().st_mtime_ns for part in folder.glob("part-*")}
    assert len(made) >= 3
    assert not (folder / "store.json").exists()
    monkeypatch.setattr("nas.nets.data.store.make._PART_BYTES", 5000)
    data = load_data(str(photos))
    assert {part: part.stat().st_mtime_ns for part in made} == made
    assert len(list(folder.glob("part-*"))) > len(made)
    assert not list(folder.glob(".*.partial"))
    expected = in_memory(photos)
    assert all(torch.equal(getattr(data, split).images, getattr(expected, split).images) for split in SPLITS)


def memory_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def test_memory_stays_flat_while_a_store_is_made_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """80 MB of files: neither their bytes nor the pages of the store may stay in this process."""
    for number in range(80):
        path = tmp_path / "big" / ("cat" if number % 2 else "dog") / f"{number}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number, (580, 580)).save(path)
    monkeypatch.setattr("nas.nets.data.store.part._BATCH_BYTES", 5_000_000)
    load_data(str(classes(tmp_path / "small", 4)))
    before = {name: memory_kb(name) for name in ("RssAnon", "RssFile")}
    split = load_data(str(tmp_path / "big"), largest=16).train
    for _ in split.stream((torch.tensor([k]), 16) for k in range(len(split))):
        pass
    grown = {name: memory_kb(name) - kb for name, kb in before.items()}
    assert grown["RssFile"] < 40_000
    assert grown["RssAnon"] < 50_000


def test_the_digest_of_a_store_follows_labels_and_files(tmp_path: Path) -> None:
    photos = classes(tmp_path / "photos", 10)
    first = load_data(str(photos)).digest
    shutil.copytree(photos, tmp_path / "same")
    assert load_data(str(tmp_path / "same")).digest == first
    (photos / "cat" / "0.png").rename(photos / "dog" / "moved.png")
    assert load_data(str(photos)).digest != first


def test_a_store_serves_a_table_of_paths(tmp_path: Path, cache: Path) -> None:
    fill(tmp_path / "images", 12)
    rows = "".join(f"images/{k}.png,{'cat' if k % 2 else 'dog'}\n" for k in range(12))
    (tmp_path / "labels.csv").write_text("path,label\n" + rows)
    data = load_data(str(tmp_path / "labels.csv"))
    assert [len(getattr(data, split)) for split in SPLITS] == [8, 2, 2]
    manifest = json.loads((stores(cache)[0] / "store.json").read_text())
    assert list(manifest["parts"]) == ["part-000000000.arrow"]


def test_pictures_opened_by_several_threads_leave_pillows_limit_as_it_was(tmp_path: Path) -> None:
    split = load_data(str(classes(tmp_path / "photos", 10))).train
    before = Image.MAX_IMAGE_PIXELS
    for _ in split.stream((torch.arange(len(split)), None) for _ in range(20)):
        pass
    assert before is not None
    assert before == Image.MAX_IMAGE_PIXELS
