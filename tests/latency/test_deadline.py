import pytest
from msgspec.structs import replace

from nas.design.graph import Graph
from nas.errors import InvalidTable
from nas.latency.deadline import price_quantile
from nas.latency.prediction.estimate import price
from nas.latency.quantile import Quantile
from nas.latency.report_card import Pair, grade
from nas.latency.table import LatencyTable

CARD = grade([Pair(1.5, 1.2, 1.5), Pair(3.0, 3.0, 3.0)], floor=0.01)


@pytest.fixture
def timed(table: LatencyTable) -> LatencyTable:
    quantiles = (Quantile(0.9, 1.5, 100, CARD), Quantile(0.99, 4.0, 100, CARD))
    return replace(table, header=replace(table.header, quantiles=quantiles))


def test_price_quantile_multiplies_every_price_and_takes_the_report_card_of_the_quantile(
    graph: Graph, timed: LatencyTable
) -> None:
    slow = price_quantile(timed, "p90", "table.jsonl")
    median, found = price(graph, timed), price(graph, slow)
    assert found.ms == pytest.approx(1.5 * median.ms)
    assert found.error_bound_ms == pytest.approx(CARD.q90 * found.ms)
    assert slow.timings == timed.timings
    assert slow.header.validation.floor == timed.header.validation.floor
    assert (
        slow.header.statistic == "90 % quantile of the wall time of all runs, at the speed that the device usually has"
    )


def test_price_quantile_of_the_median_is_the_table(timed: LatencyTable) -> None:
    assert price_quantile(timed, "p50", "table.jsonl") is timed


def test_price_quantile_says_that_a_table_has_none(table: LatencyTable) -> None:
    with pytest.raises(
        InvalidTable, match=r"^table\.jsonl has medians only, not what 99% of runs keep: .*--latency\.$"
    ):
        price_quantile(table, "p99", "table.jsonl")
