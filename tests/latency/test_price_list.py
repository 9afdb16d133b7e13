import itertools
import random

import pytest
from hypothesis import given
from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.edits.edit import CutInner, apply
from nas.design.graph import Graph, lower, parts
from nas.design.known import KNOWN_NAMES, known
from nas.design.published.dense import HEADS
from nas.design.space import load_space
from nas.latency.prediction.entry import Entry, entries
from nas.latency.prediction.estimate import MissingEntries, price
from nas.latency.prediction.price_list import PriceList
from nas.latency.table import LatencyTable
from nas.latency.timing import Timing
from tests.design.strategies import architectures
from tests.latency.conftest import table_for


def random_times(table: LatencyTable, graph: Graph, seed: int) -> LatencyTable:
    rng = random.Random(seed)
    times = {entry.key: rng.uniform(0.01, 2) for entry in entries(graph)}
    return table.extended({key: Timing(ms, ms, ms, 1, 1) for key, ms in times.items()})


@given(architectures())
def test_the_entries_of_the_parts_are_those_of_the_plan(arch: Architecture) -> None:
    assert entries_of_parts(arch) == list(entries(lower(arch)))


def entries_of_parts(arch: Architecture) -> list[Entry]:
    return [entry for part in parts(arch) for entry in entries(Graph(part.inputs, part.nodes))]


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize(
    "backbone", ["mobilenet_v2", "mobilenet_v1", "shufflenet_v2", "mobilenet_v4_conv_small", "xception"]
)
def test_a_head_on_maps_from_within_is_a_part_of_its_own(kind: str, backbone: str) -> None:
    arch = known(f"{kind}_{backbone}-0.5-96x128", 5)
    backbone_parts, head = parts(arch)[:-1], parts(arch)[-1]
    assert all(node.name.startswith("head_") for node in head.nodes)
    assert not any(part.taps for part in backbone_parts)
    assert len(head.taps) == (0 if kind == "raspp" else 1)
    assert entries_of_parts(arch) == list(entries(lower(arch)))


def test_networks_that_differ_in_a_stage_share_the_parts_before_and_behind_it() -> None:
    """So that a search prices a network with a head as fast as one without."""
    arch = known("lraspp_mobilenet_v3_small")
    other = apply(arch, CutInner(3, 0), 64)
    same = [one is two for one, two in zip(parts(arch), parts(other), strict=True)]
    assert same == [True] * 4 + [False] + [True] * 2


@given(architectures())
def test_it_says_what_price_says_of_the_whole_plan(arch: Architecture) -> None:
    table = random_times(table_for(lower(arch)), lower(arch), seed=1)
    table = replace(table, header=replace(table.header, scale=1.5))
    found, whole = PriceList(table)(arch), price(lower(arch), table)
    assert found.ms == pytest.approx(whole.ms, rel=1e-12)
    assert found.error_bound_ms == pytest.approx(whole.error_bound_ms, rel=1e-12)
    assert (found.parts, found.interpolated) == (whole.parts, whole.interpolated)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "ssdlite_mobilenet_v3_small", "lraspp_universal"])
def test_one_list_prices_many_networks_each_right(name: str) -> None:
    space, rng = load_space(name), random.Random(0)
    drawn = [space.sample(rng, 64, 10) for _ in range(50)] * 2
    table = table_for(lower(drawn[0]))
    for seed, arch in enumerate(drawn):
        table = random_times(table, lower(arch), seed)
    prices = PriceList(table)
    assert [prices(arch).ms for arch in drawn] == pytest.approx([price(lower(arch), table).ms for arch in drawn])


def test_what_is_missing_is_an_error_every_time_it_is_asked_for(table: LatencyTable) -> None:
    prices = PriceList(table)
    large, small = (known(name) for name in ("mobilenet_v3_large", "mobilenet_v3_small"))
    assert prices.known(small) == prices(small)
    for _ in range(2):
        assert prices.known(large) is None
        with pytest.raises(MissingEntries, match="the latency table lacks 'conv"):
            prices(large)


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_parts_are_joined_at_their_maps(name: str) -> None:
    found = parts(known(name))
    assert found[0].image.width == 3
    assert all(before.left == after.image for before, after in itertools.pairwise(found))
