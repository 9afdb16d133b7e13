from pathlib import Path

import msgspec
import pytest

from nas.errors import InvalidTable
from nas.latency.fingerprint import Fingerprint
from nas.latency.prediction.entry import parse_key
from nas.latency.table import VERSION, append_rows, read_table, write_table
from nas.latency.table_file.decode import bare_header
from nas.latency.timing import Timing

GOLDEN = Path(__file__).parent / "golden"
NEW = {"pool 8 7": Timing(1.0, 0.9, 1.1, 24, 3)}


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_file_of_every_version_is_read(version: int) -> None:
    table = read_table(GOLDEN / f"table-{version}.jsonl")
    assert table.header.version == VERSION
    assert table.header.conditions.device.startswith("AMD EPYC, family 26 model 2")
    assert table.header.reference.nominal_ms == 0.9348342000000001
    assert len(table.timings) == 3
    assert all(timing.source == "isolated" for timing in table.timings.values())


def test_what_version_1_did_not_know_is_left_open() -> None:
    header = read_table(GOLDEN / "table-1.jsonl").header
    assert header.fingerprint == Fingerprint(cpu=header.conditions.device)
    assert (header.anchors, header.drift, header.scale, header.origin) == ((), 0.0, 1.0, None)
    assert header.validation.miss_bound is None


def test_versions_1_and_2_were_of_one_resolution() -> None:
    for version in (1, 2):
        assert read_table(GOLDEN / f"table-{version}.jsonl").header.resolutions == (224,)


def test_a_header_in_a_file_of_its_own_is_read_in_every_version() -> None:
    for version in range(1, VERSION + 1):
        path = GOLDEN / f"table-{version}.jsonl"
        document = msgspec.json.decode(path.read_bytes().splitlines()[0])
        document.pop("check", None)
        assert bare_header("there", msgspec.json.encode(document)) == read_table(path).header
    with pytest.raises(InvalidTable, match="there is no header"):
        bare_header("there", b"[]")


def test_an_old_file_is_brought_up_by_the_next_entry(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    path.write_bytes((GOLDEN / "table-1.jsonl").read_bytes())
    old = read_table(path)
    assert append_rows(path, NEW) == old.extended(NEW) == read_table(path)
    assert path.read_text().startswith('{"format":"nas-latency-table","version":4,')


def test_the_newest_version_is_written_byte_for_byte(tmp_path: Path) -> None:
    newest = GOLDEN / f"table-{VERSION}.jsonl"
    write_table(tmp_path / "table.jsonl", read_table(newest))
    assert (tmp_path / "table.jsonl").read_bytes() == newest.read_bytes()


def test_the_factors_by_kind_of_version_1_still_hold() -> None:
    calibration = read_table(GOLDEN / "table-1.jsonl").header.calibration
    assert calibration.factor(parse_key("se 72>24 28")) == 2.137669876832279
    assert calibration.factor(parse_key("conv 3>16 k3 s2 g1 224 relu")) == 0.2994017658220372
    assert calibration.traits_error == 0.0520194642502587


def test_without_a_scale_to_bound_them_no_factor_may_be_negative(tmp_path: Path) -> None:
    text = (GOLDEN / "table-1.jsonl").read_text()
    (tmp_path / "t").write_text(text.replace('"se":2.137', '"se":-2.137'))
    with pytest.raises(InvalidTable, match=r"line 1: calibration has the value -2\.137"):
        read_table(tmp_path / "t")


@pytest.mark.parametrize("wrong", ['"text"', "null", "[1]", "{}", "7"])
@pytest.mark.parametrize("field", ["calibration", "conditions", "validation"])
def test_an_old_header_with_another_shape_is_a_sentence(tmp_path: Path, field: str, wrong: str) -> None:
    header = msgspec.json.decode((GOLDEN / "table-1.jsonl").read_bytes().splitlines()[0])
    header[field] = msgspec.json.decode(wrong)
    (tmp_path / "t").write_bytes(msgspec.json.encode(header) + b"\n")
    with pytest.raises(InvalidTable, match="line 1 is no header of a latency table"):
        read_table(tmp_path / "t")
