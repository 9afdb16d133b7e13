import pytest
from msgspec.structs import replace

from nas.design.cost import macs, params
from nas.design.known import known
from nas.design.plan import Graph, lower
from nas.errors import NasError
from nas.latency.prediction.entry import entries
from nas.latency.prediction.estimate import MissingEntries, missing, price, relative_bound
from nas.latency.table import LatencyTable


def test_parts_and_one_call_add_up_to_the_latency(plan: Graph, table: LatencyTable) -> None:
    found = price(plan, table)
    pieces = entries(plan)
    se = sum(entry.key.startswith("se ") for entry in pieces)
    assert found.ms == pytest.approx(0.5 * (len(pieces) + se) + 0.1)
    assert sum(part.ms for part in found.parts) + 0.1 == pytest.approx(found.ms)
    assert [part.name for part in found.parts] == [entry.name for entry in pieces]
    assert sum(part.params for part in found.parts) == params(plan)
    assert sum(part.macs for part in found.parts) == macs(plan)


def test_the_bound_is_the_tables_error_and_never_below_the_floor(plan: Graph, table: LatencyTable) -> None:
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


def test_nothing_is_missing_of_the_tables_own_network(plan: Graph, table: LatencyTable) -> None:
    assert missing(plan, table) == ()


def test_the_scale_of_the_header_multiplies_all(plan: Graph, table: LatencyTable) -> None:
    slower = price(plan, replace(table, header=replace(table.header, scale=2.0)))
    assert slower.ms == pytest.approx(2 * price(plan, table).ms)
    assert sum(part.ms for part in slower.parts) + 0.2 == pytest.approx(slower.ms)


def test_interpolated_parts_are_counted_and_widen_the_bound(plan: Graph, table: LatencyTable) -> None:
    key = "conv 16>16 k1 s1 g1 56 linear"
    assert [entry.key for entry in entries(plan)].count(key) == 1
    doubtful = replace(table.timings[key], source="interpolated", uncertainty=0.04)
    found, before = price(plan, table.extended({key: doubtful})), price(plan, table)
    assert (before.interpolated, found.interpolated) == (0, 1)
    assert found.ms == before.ms
    assert found.error_bound_ms == pytest.approx(before.error_bound_ms + 0.04 * 0.5)
