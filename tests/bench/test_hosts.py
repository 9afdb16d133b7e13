from itertools import islice

import pytest

from nas.algorithms.netadapt.proposals import widths_below
from nas.bench.pricer import Pricer
from nas.bench.tables.hosts import hosts, keys_of
from nas.bench.tables.widen import widen
from nas.design.architecture import Architecture
from nas.design.edits.edit import apply, cuts, width_of
from nas.design.graph import lower
from nas.design.known import known
from nas.latency.prediction.entry import entries, parse_key
from nas.latency.prediction.estimate import missing
from nas.latency.prediction.interpolate import filled
from nas.latency.table import LatencyTable
from tests.bench.device import Device, alone_ms, bench_of
from tests.each_family import EACH_FAMILY


def proposals(arch: Architecture) -> list[Architecture]:
    return [apply(arch, cut, width) for cut in cuts(arch) for width in islice(widths_below(width_of(arch, cut)), 4)]


@pytest.mark.parametrize("name", EACH_FAMILY)
def test_few_mixtures_have_all_that_many_proposals_have(name: str) -> None:
    arch = known(name)
    offered = proposals(arch)
    wanted = frozenset().union(*map(keys_of, offered)) - keys_of(arch)
    chosen = hosts(wanted, offered)
    assert wanted <= frozenset().union(*map(keys_of, chosen))
    # All groups of MobileNetV1 are widths between stages, and those of two neighbours are one another's surroundings.
    assert len(chosen) <= len(offered) * (0.7 if name == "mobilenet_v1" else 0.25)


def test_keys_are_those_of_the_graph() -> None:
    arch = known("mobilenet_v3_large")
    assert keys_of(arch) == {entry.key for entry in entries(lower(arch))}


def test_networks_that_cannot_be_mixed_are_taken_as_they_are() -> None:
    offered = [known("mobilenet_v2-1-96"), known("mobilenet_v3_small-1-64")]
    wanted = keys_of(offered[0]) | keys_of(offered[1])
    assert {lower(arch) for arch in hosts(wanted, offered)} == {lower(arch) for arch in offered}
    assert hosts(["conv 1>1 k1 s1 g1 1 relu"], offered) == []


def test_a_widened_table_prices_any_cut_by_interpolation(quiet_table: LatencyTable) -> None:
    device = Device()
    arch = known("mobilenet_v3_large-0.75-96")
    pricer = Pricer(quiet_table, bench_of(device))
    pricer.ensure([arch])
    measured = widen(pricer, arch)
    offered = [apply(arch, cut, width) for cut in cuts(arch) for width in range(16, width_of(arch, cut), 8)]
    lacking = {entry.key: entry for one in offered for entry in missing(lower(one), pricer.table)}
    guessed = filled(lacking.values(), pricer.table.timings)
    assert len(guessed) > 0.5 * len(lacking)
    for key, timing in guessed.items():
        assert timing.source == "interpolated"
        assert timing.ms == pytest.approx(sum(alone_ms(op) for op in parse_key(key).ops), rel=0.05)
    assert measured < 2 * len(lacking)
