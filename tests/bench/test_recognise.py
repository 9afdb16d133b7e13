import random

import pytest
from msgspec.structs import replace

from nas.bench.tables.anchors import PUBLISHED, own_anchors
from nas.bench.tables.build import build_table
from nas.bench.tables.recognise import import_table, recognise
from nas.design.graph import Graph, lower
from nas.errors import InvalidTable
from nas.latency.fingerprint import ENDS
from nas.latency.glance import Decision, Rebuild, Same
from nas.latency.prediction.estimate import MissingEntries, price
from nas.latency.table import LatencyTable
from nas.latency.table_file.combine import subset
from tests.bench.conftest import SPACE
from tests.bench.device import Device, bench_of


def test_the_same_device_is_recognised(quiet_table: LatencyTable) -> None:
    assert recognise(quiet_table, SPACE, bench_of(Device())) == Same()


def test_a_table_of_several_resolutions_is_recognised_by_its_own_anchors() -> None:
    table = build_table(SPACE.at(64, 96), bench_of(Device()), None, budget_s=5, resolution=96)
    for asked in (SPACE, SPACE.at(64), SPACE.at(64, 96)):
        assert recognise(table, asked, bench_of(Device())) == Same()


# Its ends are other networks than those of the tiny space.
OTHER = replace(SPACE, name="another", stages=SPACE.stages[:2])


def test_recognise_knows_a_table_of_a_shipped_space_whatever_space_is_asked_for(
    quiet_table: LatencyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.bench.tables.anchors.space_names", lambda: (SPACE.name,))
    monkeypatch.setattr("nas.bench.tables.anchors.load_space", {SPACE.name: SPACE}.__getitem__)
    assert list(own_anchors(quiet_table.header, OTHER)) == [anchor.key for anchor in quiet_table.header.anchors]
    assert recognise(quiet_table, OTHER, bench_of(Device())) == Same()
    largest = len(lower(SPACE.largest(96)).nodes)
    device = Device(distort=lambda graph: 1.4 if len(graph.nodes) == largest else 1.0)
    decision = recognise(quiet_table, OTHER, bench_of(device), pause=lambda _: None)
    assert isinstance(decision, Rebuild)
    assert decision.reason.startswith("largest takes +")


def test_recognise_takes_the_published_anchors_if_the_own_space_cannot_be_loaded(quiet_table: LatencyTable) -> None:
    assert recognise(quiet_table, OTHER, bench_of(Device())) == Same()
    published = [anchor.key for anchor in quiet_table.header.anchors if anchor.key not in ENDS]
    assert list(own_anchors(quiet_table.header, OTHER)) == published
    assert len(published) == len(PUBLISHED)


def test_recognise_knows_the_part_of_a_table_that_another_space_needs(quiet_table: LatencyTable) -> None:
    narrow = replace(SPACE, name="narrow", stages=(replace(SPACE.stages[0], kernel=(3,)), *SPACE.stages[1:]))
    part = subset(quiet_table, narrow, 96)
    assert narrow.largest(96) != SPACE.largest(96)
    assert recognise(part, narrow, bench_of(Device())) == Same()


def test_import_table_from_draws_that_the_table_cannot_price_is_refused(quiet_table: LatencyTable) -> None:
    with pytest.raises(MissingEntries, match="the latency table lacks 'conv"):
        import_table(quiet_table, "a.jsonl", OTHER, bench_of(Device()), count=6)


def recognised(table: LatencyTable, device: Device, beside: float = 0.0) -> tuple[Decision, list[float]]:
    """The decision, and the pauses before it."""
    bench, pauses = bench_of(device), list[float]()
    bench.beside = beside
    return recognise(table, SPACE, bench, pause=pauses.append), pauses


@pytest.mark.parametrize(
    ("beside", "preempted", "words"),
    [(0.0, 0.0, "it has changed"), (0.8, 0.0, "keep 0.8 cores busy"), (0.0, 0.9, "take its core away")],
)
def test_recognise_keeps_the_prices_of_a_slow_device_and_says_whether_it_is_busy_or_has_changed(
    beside: float, preempted: float, words: str, quiet_table: LatencyTable
) -> None:
    device = Device(preempted=preempted)
    device.speed = lambda: 1.5  # type: ignore[method-assign]
    decision, pauses = recognised(quiet_table, device, beside)
    assert isinstance(decision, Same)
    assert words in (decision.note or "")
    assert len(pauses) == 1


def test_recognise_looks_again_after_a_pause_and_finds_a_moment_over(quiet_table: LatencyTable) -> None:
    device, slow = Device(), [1.5]
    device.speed = lambda: slow[0]  # type: ignore[method-assign]
    decision = recognise(quiet_table, SPACE, bench_of(device), pause=lambda _: slow.__setitem__(0, 1.0))
    assert isinstance(decision, Same)
    assert (decision.note or "").startswith("The device took 1.50 times as long")


def test_recognise_does_not_look_again_at_a_device_like_its_table(quiet_table: LatencyTable) -> None:
    assert recognised(quiet_table, Device()) == (Same(), [])


def test_a_device_whose_networks_changed_places_needs_a_new_table(quiet_table: LatencyTable) -> None:
    device = Device(distort=lambda graph: 1.4 if graph.inputs[0].size == 96 and len(graph.nodes) > 60 else 1.0)
    decision, pauses = recognised(quiet_table, device)
    assert isinstance(decision, Rebuild)
    assert len(pauses) == 2


def test_a_sibling_that_is_only_slower_takes_the_table_over(quiet_table: LatencyTable) -> None:
    device = Device()
    device.speed = lambda: 2.0  # type: ignore[method-assign]
    found = import_table(quiet_table, "a.jsonl", SPACE, bench_of(device), count=6)
    assert found.header.origin is not None
    assert found.header.validation.mape < 0.01
    graph = lower(SPACE.largest(96))
    assert price(graph, found).ms == pytest.approx(2 * price(graph, quiet_table).ms, rel=0.01)


def test_an_unlike_device_is_refused_with_figures(quiet_table: LatencyTable) -> None:
    def unlike(graph: Graph) -> float:
        return random.Random(repr(graph.nodes)).uniform(0.4, 2.8)

    with pytest.raises(InvalidTable, match=r"a\.jsonl does not hold here: .* Build a table here"):
        import_table(quiet_table, "a.jsonl", SPACE, bench_of(Device(distort=unlike)))


def test_a_table_without_anchors_shows_nothing(quiet_table: LatencyTable) -> None:
    bare = LatencyTable(replace(quiet_table.header, anchors=()), quiet_table.timings)
    assert isinstance(recognise(bare, SPACE, bench_of(Device()), pause=lambda _: None), Rebuild)
