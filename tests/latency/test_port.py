import random

import pytest
from msgspec.structs import replace

from nas.design.cost import op_macs
from nas.design.graph import Graph, lower
from nas.design.space import load_space
from nas.errors import ConditionsDiffer, InvalidTable
from nas.latency.fingerprint import Anchor, Fingerprint
from nas.latency.prediction.entry import entries
from nas.latency.prediction.estimate import MissingEntries, price
from nas.latency.table import LatencyTable, Reference
from nas.latency.timing import Timing
from nas.latency.transfer import Here, port
from nas.latency.trust import usable
from tests.latency.conftest import CONDITIONS, table_for

SPACE = load_space("mobilenet_v3_small")


def networks(count: int) -> list[Graph]:
    """From all-cheap to all-dear ones, so that their order is clear."""
    rng = random.Random(0)

    def leaning(lean: float) -> Graph:
        return lower(SPACE.draw(lambda _, options: options[int(lean * rng.uniform(0.8, 1) * len(options))], 96))

    return [leaning(0.999 * n / count) for n in range(count)]


@pytest.fixture
def sibling() -> LatencyTable:
    """Prices every network above; times differ by entry."""
    rng, timings = random.Random(1), dict[str, Timing]()
    for graph in networks(10) + networks(4):
        for entry in entries(graph):
            key, ms = entry.key, sum(op_macs(op) for op in entry.ops) * rng.uniform(0.5, 1) / 1e6
            timings.setdefault(key, Timing(ms, 0.9 * ms, 1.1 * ms, 24, 3))
    table = table_for(networks(1)[0])
    return LatencyTable(replace(table.header, scale=1.25), timings)


HERE = Here(
    conditions=replace(CONDITIONS, device="another phone", runtime_version="1.23.0"),
    fingerprint=Fingerprint(cpu="another phone", cores=8),
    reference=Reference("mobilenet_v3_small", 1.7, 0.2),
    floor=0.01,
    contended=False,
    created="2026-02-02T00:00:00+00:00",
    seconds=12.0,
    anchors=(Anchor("smallest", 1.2, 0.01),),
)


def measured(table: LatencyTable, factor: float, bend: float = 0.0, count: int = 10) -> list[tuple[Graph, float]]:
    """Every network takes `factor` of its price, the cheapest less by `bend` of that, the dearest more, as in rank."""
    priced = sorted(((price(graph, table).ms, graph) for graph in networks(count)), key=lambda pair: pair[0])
    return [(graph, ms * factor * (1 + bend * (2 * rank / count - 1))) for rank, (ms, graph) in enumerate(priced)]


def test_one_scale_is_recovered_and_every_price_is_multiplied_by_it(sibling: LatencyTable) -> None:
    found = port(sibling, "board.jsonl", HERE, measured(sibling, 1.6))
    for graph in networks(10):
        assert price(graph, found).ms == pytest.approx(1.6 * price(graph, sibling).ms)
    assert {timing.source for timing in found.timings.values()} == {"imported"}
    assert found.header.validation.mape == pytest.approx(0, abs=1e-12)
    assert found.header.validation.count == 10


def test_the_header_is_of_this_device_and_names_where_the_table_is_from(sibling: LatencyTable) -> None:
    header = port(sibling, "board.jsonl", HERE, measured(sibling, 1.6)).header
    assert (header.conditions, header.fingerprint, header.anchors) == (HERE.conditions, HERE.fingerprint, HERE.anchors)
    assert (header.reference.name, header.reference.nominal_ms) == ("mobilenet_v3_small", 1.7)
    assert header.reference.call_ms == pytest.approx(1.6 * 1.25 * 0.1)
    assert header.origin == "board.jsonl of a phone, 8 cores, times 1.6"
    assert (header.scale, header.created, header.seconds) == (1.0, HERE.created, HERE.seconds)


def test_the_report_card_is_of_networks_that_were_left_out(sibling: LatencyTable) -> None:
    networks_here = measured(sibling, 1.6, bend=0.07)
    card = port(sibling, "board.jsonl", HERE, networks_here).header.validation
    for left_out, pair in zip(range(len(networks_here)), card.pairs, strict=True):
        rest = [(price(graph, sibling).ms / ms) for i, (graph, ms) in enumerate(networks_here) if i != left_out]
        scale = sum(rest) / sum(share * share for share in rest)
        graph, ms = networks_here[left_out]
        assert pair.predicted_ms == pytest.approx(scale * price(graph, sibling).ms)
        assert pair.measured_ms == ms
        bare = sum(sibling.timings[entry.key].ms for entry in entries(graph)) + 0.1
        assert pair.raw_ms == pytest.approx(scale * 1.25 * bare)
    assert 0.02 < card.mape < 0.05


def test_an_accepted_import_is_usable(sibling: LatencyTable) -> None:
    assert usable(port(sibling, "board.jsonl", HERE, measured(sibling, 1.6, bend=0.07))) is None


def test_a_device_that_orders_networks_differently_is_refused_with_its_figures(sibling: LatencyTable) -> None:
    right = measured(sibling, 1.6)
    shuffled = [(graph, ms) for (graph, _), (_, ms) in zip(right, reversed(right), strict=True)]
    with pytest.raises(
        InvalidTable, match=r"board.jsonl does not hold here: .* rank correlation is .*'nas table build'"
    ):
        port(sibling, "board.jsonl", HERE, shuffled)


def test_too_much_error_is_refused_whatever_the_order(sibling: LatencyTable) -> None:
    bent = [(graph, ms**1.8) for graph, ms in measured(sibling, 1.0)]
    with pytest.raises(InvalidTable, match=r"rank correlation is 1\.000 .* mean error [0-9.]+% \(at most 5%\)"):
        port(sibling, "board.jsonl", HERE, bent)


def test_a_handful_is_needed(sibling: LatencyTable) -> None:
    with pytest.raises(InvalidTable, match="4 networks measured here are too few"):
        port(sibling, "board.jsonl", HERE, measured(sibling, 1.6, count=4))


@pytest.mark.parametrize(("field", "value"), [("threads", 2), ("runtime", "torch"), ("precision", "int8")])
def test_only_the_device_and_the_runtimes_version_may_differ(sibling: LatencyTable, field: str, value: object) -> None:
    here = replace(HERE, conditions=replace(HERE.conditions, **{field: value}))
    with pytest.raises(ConditionsDiffer, match=f"{field} is .* there, {value!r} here"):
        port(sibling, "board.jsonl", here, measured(sibling, 1.6))


def test_a_network_that_the_table_cannot_price_is_an_error(sibling: LatencyTable) -> None:
    graph = lower(SPACE.sample(random.Random(0), 64))
    with pytest.raises(MissingEntries):
        port(sibling, "board.jsonl", HERE, [(graph, 1.0)] * 5)
