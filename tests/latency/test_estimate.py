import pytest
from msgspec.structs import replace

from nas.design.cost import macs, params
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.errors import NasError
from nas.latency.prediction.entry import entries
from nas.latency.prediction.estimate import MissingEntries, missing, price, relative_bound
from nas.latency.table import LatencyTable


def test_parts_and_one_call_add_up_to_the_latency(graph: Graph, table: LatencyTable) -> None:
    found = price(graph, table)
    pieces = entries(graph)
    se = sum(entry.key.startswith("se ") for entry in pieces)
    assert found.ms == pytest.approx(0.5 * (len(pieces) + se) + 0.1)
    assert sum(part.ms for part in found.parts) + 0.1 == pytest.approx(found.ms)
    assert [part.name for part in found.parts] == [entry.name for entry in pieces]
    assert sum(part.params for part in found.parts) == params(graph)
    assert sum(part.macs for part in found.parts) == macs(graph)


def test_the_bound_is_the_tables_error_and_never_below_the_floor(graph: Graph, table: LatencyTable) -> None:
    assert relative_bound(table) == pytest.approx(0.05)
    assert price(graph, table).error_bound_ms == pytest.approx(0.05 * price(graph, table).ms)


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


def test_nothing_is_missing_of_the_tables_own_network(graph: Graph, table: LatencyTable) -> None:
    assert missing(graph, table) == ()


def test_the_scale_of_the_header_multiplies_all(graph: Graph, table: LatencyTable) -> None:
    slower = price(graph, replace(table, header=replace(table.header, scale=2.0)))
    assert slower.ms == pytest.approx(2 * price(graph, table).ms)
    assert sum(part.ms for part in slower.parts) + 0.2 == pytest.approx(slower.ms)


def test_interpolated_parts_are_counted_and_widen_the_bound(graph: Graph, table: LatencyTable) -> None:
    key = "conv 16>16 k1 s1 g1 56 linear"
    assert [entry.key for entry in entries(graph)].count(key) == 1
    doubtful = replace(table.timings[key], source="interpolated", uncertainty=0.04)
    found, before = price(graph, table.extended({key: doubtful})), price(graph, table)
    assert (before.interpolated, found.interpolated) == (0, 1)
    assert found.ms == before.ms
    assert found.error_bound_ms == pytest.approx(before.error_bound_ms + 0.04 * 0.5)
