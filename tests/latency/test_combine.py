import pytest
from msgspec.structs import replace

from nas.design.graph import lower
from nas.design.known import known
from nas.design.space import load_space
from nas.errors import ConditionsDiffer
from nas.latency.prediction.entry import entries
from nas.latency.prediction.estimate import MissingEntries, missing, price
from nas.latency.table import LatencyTable, Reference
from nas.latency.table_file.combine import diff, merge, subset
from nas.latency.timing import Timing
from tests.latency.conftest import table_for

KEY, OTHER, THIRD = "pool 8 7", "pool 16 7", "pool 24 7"


def at(ms: float, rounds: int = 3, runs: int = 24) -> Timing:
    return Timing(ms, 0.9 * ms, 1.2 * ms, runs, rounds)


def only(table: LatencyTable, timings: dict[str, Timing]) -> LatencyTable:
    return LatencyTable(table.header, timings)


def test_a_merge_has_the_entries_of_both_and_the_first_header(table: LatencyTable) -> None:
    second = replace(table.header, space="another", resolutions=(96,), created="later")
    found = merge(only(table, {KEY: at(1)}), LatencyTable(second, {OTHER: at(2)}))
    assert found.table == only(table, {KEY: at(1), OTHER: at(2)})
    assert (found.added, found.conflicts, found.replaced) == (1, 0, 0)


def test_of_an_entry_in_both_the_one_of_more_rounds_is_kept(table: LatencyTable) -> None:
    first = only(table, {KEY: at(1, rounds=3), OTHER: at(1, rounds=5), THIRD: at(1, runs=9)})
    second = only(table, {KEY: at(2, rounds=5), OTHER: at(2, rounds=3), THIRD: at(2, runs=9)})
    found = merge(first, second)
    assert [timing.ms for timing in found.table.timings.values()] == [2, 1, 1]
    assert (found.added, found.conflicts, found.replaced) == (0, 3, 1)


def test_a_measured_entry_is_kept_over_an_interpolated_or_imported_one(table: LatencyTable) -> None:
    for source in ("interpolated", "imported"):
        flagged = replace(at(9, rounds=9), source=source)
        for pair in ((flagged, at(1)), (at(1), flagged)):
            found = merge(*(only(table, {KEY: timing}) for timing in pair))
            assert found.table.timings[KEY].ms == 1


def test_the_second_is_brought_to_the_speed_of_the_first(table: LatencyTable) -> None:
    # The reference takes 1 ms there and 2 ms here; a call 0.1 and 0.3. A ratio of 0.5 is 0.4 net there, 0.7 here.
    slow = replace(table.header, reference=Reference("mobilenet_v3_small", 2.0, 0.3))
    found = merge(only(table, {KEY: at(1)}), LatencyTable(slow, {OTHER: at(0.7)}))
    assert found.table.timings[OTHER].ms == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("field", "value"), [("device", "another"), ("threads", 2), ("precision", "int8"), ("runtime", "torch")]
)
def test_tables_of_other_conditions_are_refused_by_name(table: LatencyTable, field: str, value: object) -> None:
    conditions = replace(table.header.conditions, **{field: value})
    other = replace(table, header=replace(table.header, conditions=conditions))
    with pytest.raises(ConditionsDiffer, match=f"must not mix.* {field} is .* there, {value!r} here"):
        merge(table, other)


def test_tables_of_other_references_are_refused(table: LatencyTable) -> None:
    other = replace(table, header=replace(table.header, reference=Reference("mobilenet_v2", 1.0, 0.1)))
    with pytest.raises(ConditionsDiffer, match="reference is 'mobilenet_v3_small' there, 'mobilenet_v2' here"):
        merge(table, other)


def test_a_table_does_not_differ_from_itself(table: LatencyTable) -> None:
    found = diff(table, table)
    assert (found.fields, found.only_first, found.only_second) == ({}, (), ())
    assert found.common == len(table.timings)
    assert found.quantiles == pytest.approx((1, 1, 1, 1, 1))


def test_a_difference_names_fields_entries_and_the_odd_ones_out(table: LatencyTable) -> None:
    first = {f"pool {8 * n} 7": at(1) for n in range(1, 11)}
    second = {key: at(2) for key in first} | {KEY: at(6), OTHER: at(0.5)}
    del second[THIRD]
    second["add 8 7"] = at(1)
    header = replace(table.header, created="later", conditions=replace(table.header.conditions, threads=2))
    found = diff(only(table, first), LatencyTable(header, second))
    assert found.fields == {"conditions.threads": (1, 2), "created": ("2026-01-01T00:00:00+00:00", "later")}
    assert (found.only_first, found.only_second, found.common) == ((THIRD,), ("add 8 7",), 9)
    assert found.quantiles[2] == pytest.approx(2)
    assert (found.quantiles[0], found.quantiles[-1]) == pytest.approx((0.5, 6))
    assert [change.key for change in found.worst[:2]] == [OTHER, KEY]  # a quarter of the median, then three times it
    assert found.worst[1].ratio == pytest.approx(6)


def test_prices_are_compared_at_the_scale_of_each_table(table: LatencyTable) -> None:
    slower = replace(table, header=replace(table.header, scale=1.5))
    assert diff(table, slower).quantiles == pytest.approx((1.5,) * 5)


def test_nothing_in_common_is_said_without_figures(table: LatencyTable) -> None:
    found = diff(only(table, {KEY: at(1)}), only(table, {OTHER: at(1)}))
    assert (found.common, found.quantiles, found.worst) == (0, (), ())


def test_a_subset_prices_every_network_of_its_space_and_has_nothing_else() -> None:
    space = load_space("mobilenet_v3_small")
    needed = {entry.key: at(1) for arch in space.cover(64) for entry in entries(lower(arch))}
    table = table_for(lower(known("mobilenet_v3_large"))).extended(needed)
    found = subset(table, space, 64)
    assert set(found.timings) == set(needed)
    assert (found.header.space, found.header.resolution) == (space.name, 64)
    for arch in (space.smallest(64), space.largest(64)):
        assert missing(lower(arch), found) == ()
        assert price(lower(arch), found).ms == price(lower(arch), table).ms
    with pytest.raises(MissingEntries):
        subset(found, space, 96)
    with pytest.raises(MissingEntries):
        subset(found, space.at(64, 96))
