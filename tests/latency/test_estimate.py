import pytest

from nas.design.cost import macs, params
from nas.design.known import known
from nas.design.plan import Plan, lower
from nas.errors import NasError
from nas.latency.entry import entries
from nas.latency.estimate import MissingEntries, missing, price, relative_bound
from nas.latency.table import LatencyTable


def test_parts_and_one_call_add_up_to_the_latency(plan: Plan, table: LatencyTable) -> None:
    found = price(plan, table)
    pieces = entries(plan)
    se = sum(entry.key.startswith("se ") for entry in pieces)
    assert found.ms == pytest.approx(0.5 * (len(pieces) + se) + 0.1)
    assert sum(part.ms for part in found.parts) + 0.1 == pytest.approx(found.ms)
    assert [part.name for part in found.parts] == [entry.name for entry in pieces]
    assert sum(part.params for part in found.parts) == params(plan)
    assert sum(part.macs for part in found.parts) == macs(plan)


def test_the_bound_is_the_tables_error_and_never_below_the_floor(plan: Plan, table: LatencyTable) -> None:
    assert relative_bound(table) == pytest.approx(0.05)
    assert price(plan, table).error_bound_ms == pytest.approx(0.05 * price(plan, table).ms)


def test_missing_entries_are_named_and_never_zero(table: LatencyTable) -> None:
    other = lower(known("mobilenet_v3_large"))
    lacking = missing(other, table)
    assert lacking
    assert len({entry.key for entry in lacking}) == len(lacking)
    with pytest.raises(MissingEntries) as caught:
        price(other, table)
    assert caught.value.keys[0] == lacking[0].key
    assert lacking[0].key in str(caught.value)
    assert f"and {len(caught.value.keys) - 3} more" in str(caught.value)
    assert isinstance(caught.value, NasError)


def test_nothing_is_missing_of_the_tables_own_network(plan: Plan, table: LatencyTable) -> None:
    assert missing(plan, table) == ()
