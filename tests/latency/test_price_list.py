import itertools
import random

import pytest
from hypothesis import given
from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.graph import Graph, lower, parts
from nas.design.known import KNOWN_NAMES, known
from nas.design.space import load_space
from nas.latency.prediction.entry import entries
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
    apart = [entry for part in parts(arch) for entry in entries(Graph((part.image,), part.nodes))]
    assert apart == list(entries(lower(arch)))


@given(architectures())
def test_it_says_what_price_says_of_the_whole_plan(arch: Architecture) -> None:
    table = random_times(table_for(lower(arch)), lower(arch), seed=1)
    table = replace(table, header=replace(table.header, scale=1.5))
    found, whole = PriceList(table)(arch), price(lower(arch), table)
    assert found.ms == pytest.approx(whole.ms, rel=1e-12)
    assert found.error_bound_ms == pytest.approx(whole.error_bound_ms, rel=1e-12)
    assert (found.parts, found.interpolated) == (whole.parts, whole.interpolated)


def test_one_list_prices_many_networks_each_right() -> None:
    space, rng = load_space("mobilenet_v3_small"), random.Random(0)
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
