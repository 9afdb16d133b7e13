import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from nas.folders import cache_folder
from nas.latency.table import LatencyTable, write_table
from nas.latency.table_file.cache import cached_path, find_table
from tests.latency.conftest import CONDITIONS


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_folder_is_the_variables_or_the_users(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv("NAS_CACHE")
    assert cache_folder().name == "nas"


def test_a_table_is_found_by_conditions_space_and_resolution(table: LatencyTable) -> None:
    assert find_table(CONDITIONS) is None
    path = cached_path(CONDITIONS, "a space", (224,))
    write_table(path, table)
    assert (
        find_table(CONDITIONS) == find_table(CONDITIONS, "a space") == find_table(CONDITIONS, "a space", (224,)) == path
    )
    assert find_table(CONDITIONS, "another") is None
    assert find_table(CONDITIONS, "a space", (192,)) is None
    assert find_table(replace(CONDITIONS, runtime_version="2"), "a space") is None


def test_paths_of_different_conditions_spaces_and_resolutions_differ() -> None:
    other = replace(CONDITIONS, device="another")
    paths = {
        cached_path(c, s, r) for c in (CONDITIONS, other) for s in ("a", "b") for r in ((192,), (224,), (192, 224))
    }
    assert len(paths) == 12


def test_a_table_of_several_resolutions_serves_each_of_them_unless_there_is_one_of_its_own(table: LatencyTable) -> None:
    both = replace(table, header=replace(table.header, resolutions=(192, 224)))
    path = cached_path(CONDITIONS, "a space", (192, 224))
    write_table(path, both)
    assert find_table(CONDITIONS, "a space", (192, 224)) == find_table(CONDITIONS, "a space", (224,)) == path
    assert find_table(CONDITIONS, "a space", (160, 224)) is None
    own = cached_path(CONDITIONS, "a space", (224,))
    write_table(own, table)
    os.utime(own, (1000, 1000))
    assert find_table(CONDITIONS, "a space", (224,)) == own
    assert find_table(CONDITIONS, "a space", (192, 224)) == path


def test_the_newest_wins_and_a_broken_one_is_passed_over(table: LatencyTable) -> None:
    folder = cached_path(CONDITIONS, "a space", (224,)).parent
    for age, name in enumerate(("new", "old")):
        write_table(folder / f"{name}.jsonl", table)
        os.utime(folder / f"{name}.jsonl", (1000 - age, 1000 - age))
    (folder / "broken.jsonl").write_text("nonsense")
    assert find_table(CONDITIONS) == folder / "new.jsonl"


def test_other_folders_come_after_the_cache(tmp_path: Path, table: LatencyTable) -> None:
    write_table(tmp_path / "shipped" / "t.jsonl", table)
    assert find_table(CONDITIONS, folders=(tmp_path / "shipped",)) == tmp_path / "shipped" / "t.jsonl"
    write_table(cached_path(CONDITIONS, "a space", (224,)), table)
    assert find_table(CONDITIONS, folders=(tmp_path / "shipped",)) == cached_path(CONDITIONS, "a space", (224,))
