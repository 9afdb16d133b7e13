import pytest
from msgspec.structs import replace

from nas.errors import InvalidTable
from nas.latency.report_card import Pair, grade
from nas.latency.table import LatencyTable
from nas.latency.trust import require_passed, usable, warn_failed


def failed(table: LatencyTable) -> LatencyTable:
    card = grade([Pair(1.5, 1.0, 1.2), Pair(3.0, 2.0, 2.4)], floor=0.01)
    return replace(table, header=replace(table.header, validation=card))


def test_a_passed_table_is_usable(table: LatencyTable) -> None:
    assert usable(table) is None
    require_passed(table, "t.jsonl")


def test_a_failed_one_is_refused_with_its_figures_and_the_flag(table: LatencyTable) -> None:
    with pytest.raises(InvalidTable, match=r"t\.jsonl: its validation failed: mean error 50\.0% .* --allow-failed"):
        require_passed(failed(table), "t.jsonl")
    require_passed(failed(table), "t.jsonl", allow=True)


def test_a_failed_one_that_is_taken_all_the_same_is_warned_of_with_its_figures(table: LatencyTable) -> None:
    assert warn_failed(table) == ()
    [warning] = warn_failed(failed(table))
    assert warning.startswith("The latency table is not to be trusted: its validation failed: mean error 50.0% ")
