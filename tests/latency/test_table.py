import errno
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.errors import InvalidTable, NasError
from nas.latency.table import LatencyTable, append_rows, read_table, write_table
from nas.latency.table_file.decode import row_of
from nas.latency.table_file.lines import seal
from nas.latency.timing import Timing
from tests.latency.conftest import table_for

positive = st.floats(1e-6, 1e6)
KEY = "conv 8>16 k1 s1 g1 7 relu"
NEW = {KEY: Timing(0.25, 0.2, 0.3, 24, 3)}


@pytest.fixture
def path(tmp_path: Path, table: LatencyTable) -> Path:
    write_table(tmp_path / "made" / "table.jsonl", table)
    return tmp_path / "made" / "table.jsonl"


def test_a_table_comes_back_equal(path: Path, table: LatencyTable) -> None:
    assert read_table(path) == table
    assert [file.name for file in path.parent.iterdir()] == ["table.jsonl"]


@given(st.builds(Timing, positive, positive, positive, st.integers(1, 999), st.integers(1, 9)))
def test_any_timing_comes_back_equal(tmp_path_factory: pytest.TempPathFactory, timing: Timing) -> None:
    path = tmp_path_factory.mktemp("tables") / "table.jsonl"
    table = table_for(lower(known("mobilenet_v3_small"))).extended({KEY: timing})
    write_table(path, table)
    assert read_table(path).timings[KEY] == timing


def test_appended_rows_are_read_back(path: Path, table: LatencyTable) -> None:
    assert append_rows(path, NEW) == table.extended(NEW) == read_table(path)


def test_what_another_process_added_first_stays_and_comes_along(path: Path, table: LatencyTable) -> None:
    append_rows(path, NEW)
    later = {KEY: Timing(9, 9, 9, 1, 1), "pool 8 7": Timing(1, 1, 1, 1, 1)}
    found = append_rows(path, later)
    assert found.timings[KEY] == NEW[KEY]
    assert found.timings["pool 8 7"].ms == 1
    assert read_table(path) == found


@pytest.mark.parametrize("kept", range(1, 40, 7))
def test_a_torn_last_line_is_left_out_and_cut_back(path: Path, table: LatencyTable, kept: int) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key":"pool 8 7","timing":{"ms":1.0,"p10_'[:kept])
    assert read_table(path) == table
    append_rows(path, NEW)
    assert read_table(path) == table.extended(NEW)
    assert path.read_bytes().startswith(whole)


def test_a_whole_last_line_without_its_newline_is_kept(path: Path, table: LatencyTable) -> None:
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert read_table(path) == table
    append_rows(path, NEW)
    assert read_table(path) == table.extended(NEW)


def corrupted(path: Path, old: str, new: str) -> str:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidTable) as caught:
        read_table(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"version":4', '"version":7', "line 1: version = 7, but this program reads 1 to 4"),
        ('"version":4', '"version":0', "line 1: version = 0, but this program reads 1 to 4"),
        ('"scale":1.0', '"scale":0.0', "line 1: scale has the value 0.0"),
        ('"ratio":1.5', '"ratio":-1.5', "line 1: anchors has the value -1.5"),
        ('"mape":0.02', '"mape":0.01', "line 1 was edited or damaged: its checksum is"),
        ('{"ms":0.5', '{"ms":0.4', "line 2 was edited or damaged: its checksum is"),
        ('"rounds":3', '"rounds":9', "line 2 was edited or damaged: its checksum is"),
        (',"check":"', ',"chick":"', "line 1 is no header"),
        ('\n{"key":', '\n{"key":"pool 8 7","timing":{"ms":1.0,"p10_\n{"key":', "line 2 is no table entry"),
        ('"format":"nas-latency-table"', '"format":"other"', "line 1 is no header of a latency table"),
        ('"resolutions":[224]', '"resolutions":[]', "line 1 is no header of a latency table"),
        ('"nominal_ms":1.0', '"nominal_ms":0.0', "line 1: reference has the value 0.0"),
        ('"all":1.0', '"all":-1.0', "line 1: calibration has the value -1.0"),
        ('\n{"key"', '\n{"kex"', "line 2 is no table entry"),
        ('\n{"key"', '\nnonsense\n{"key"', "line 2 is no table entry"),
        ('\n{"key"', '\n\xff\n{"key"', "line 2 is no table entry"),
        ('\n{"key"', '\n\n{"key"', "line 2 is no table entry"),
        ('{"ms":0.5', '{"ms":-0.5', "has the value -0.5"),
        ('{"ms":0.5', '{"ms":0.0', "has the value 0.0"),
        ('{"ms":0.5', '{"ms":null', "line 2 is no table entry"),
        ('{"ms":0.5', '{"ms":NaN', "line 2 is no table entry"),
        ('"key":"conv 3>16', '"key":"konv 3>16', "line 2: 'konv 3>16"),
    ],
)
def test_a_broken_file_is_refused_with_path_line_and_rule(path: Path, old: str, new: str, said: str) -> None:
    message = corrupted(path, old, new)
    assert str(path) in message
    assert said in message


def test_an_entry_twice_is_refused_unless_equal(path: Path, table: LatencyTable) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[1]]))
    assert read_table(path) == table
    row = row_of("a line", lines[1].encode())
    path.write_bytes("".join(lines).encode() + seal(replace(row, timing=replace(row.timing, ms=0.6))))
    with pytest.raises(InvalidTable, match=f"line {len(lines) + 1}: .* is there twice"):
        read_table(path)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\x80PKL", b"[]\n", b'{"format":"nas-latency-table"', b'{"a":' * 99_999]
)
def test_what_is_no_table_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(InvalidTable, match="line 1 is no header"):
        read_table(tmp_path / "t")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(InvalidTable, match="cannot be read"):
            read_table(path)


@pytest.mark.parametrize("ms", [0.0, -1.0, math.nan, math.inf])
def test_a_time_that_cannot_be_is_not_written(path: Path, table: LatencyTable, ms: float) -> None:
    wrong = {KEY: Timing(ms, 0.2, 0.3, 24, 3)}
    for write in (lambda: append_rows(path, wrong), lambda: write_table(path, table.extended(wrong))):
        with pytest.raises(InvalidTable, match=f"{KEY!r} has the value {ms}"):
            write()
    assert read_table(path) == table


def test_a_line_cut_in_the_middle_of_the_file_is_an_error(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    for cut in (1, len(lines[3]) // 2, len(lines[3]) - 2):
        path.write_bytes(b"".join([*lines[:3], lines[3][:cut], b"\n", *lines[4:]]))
        with pytest.raises(InvalidTable, match="line 4"):
            read_table(path)


def test_a_full_disk_is_a_sentence_and_leaves_the_old_file(
    path: Path, table: LatencyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NasError, match=r"cannot be written \(No space left on device\)"):
        write_table(path, table.extended(NEW))
    assert read_table(path) == table
    assert [file.name for file in path.parent.iterdir()] == ["table.jsonl"]


def test_an_unwritable_place_is_a_sentence(tmp_path: Path, graph: Graph) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NasError, match="cannot be written"):
        write_table(tmp_path / "file" / "table.jsonl", table_for(graph))
