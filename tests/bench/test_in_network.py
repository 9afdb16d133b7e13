from collections import Counter
from collections.abc import Mapping

import pytest

from nas.bench.batches import estimate_bytes
from nas.bench.bench import Item, LocalBench
from nas.bench.reference import REFERENCE, reference_graph
from nas.bench.tables.in_network import PASSES, profile_networks, timings
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.latency.prediction.entry import entries
from nas.runtimes.onnx_runtime import OnnxRuntime
from nas.runtimes.runtime import Ranges, Weights
from tests.bench.device import Device, ProfiledBench

GRAPHS = [lower(known(f"mobilenet_v3_small-{width}-32")) for width in ("0.35", "0.5", "0.75", "1")]
TINY = "mobilenet_v3_small-0.35-32"


class Counting(OnnxRuntime):
    """ONNX Runtime that keeps what it was asked to encode."""

    def __init__(self) -> None:
        super().__init__()
        self.encoded: list[Graph] = []

    def encode(self, graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None) -> bytes:
        self.encoded.append(graph)
        return super().encode(graph, weights, ranges)


def room_for(graphs: int) -> int:
    """The limit of memory beside which the reference and so many of the largest networks fit."""
    runtime = ProfiledBench(Device()).runtime
    return estimate_bytes(Item(reference_graph(), 1), runtime) + graphs * estimate_bytes(Item(GRAPHS[-1], 1), runtime)


def seen_by(bench: ProfiledBench, passes: int) -> Mapping[str, object]:
    with bench.open() as session:
        return profile_networks(bench, session, GRAPHS, passes=passes)


def test_profile_encodes_every_network_once_for_all_passes() -> None:
    runtime = Counting()
    graphs = [GRAPHS[0], lower(known("mobilenet_v2-0.35-32"))]  # the second has no squeeze-excite
    with LocalBench(runtime).open(TINY) as session:
        runtime.encoded.clear()  # the reference
        found = list(session.profile([Item(graph, 1) for graph in graphs], passes=3))
    assert runtime.encoded == graphs
    assert [any("_se" in name for name, _ in profile.nodes) for profile in found] == [True, False] * 3


def test_profile_networks_goes_over_all_networks_in_each_pass_if_they_fit() -> None:
    bench = ProfiledBench(Device())
    seen_by(bench, passes=2)
    assert bench.asked == GRAPHS * 2


def test_profile_networks_holds_no_more_model_files_than_fit_the_limit() -> None:
    bench = ProfiledBench(Device())
    bench.limit_bytes = room_for(2)
    seen_by(bench, passes=2)
    assert [Counter(bench.asked[i : i + 4]).most_common(1)[0][1] for i in (0, 4)] == [2, 2]
    assert Counter(bench.asked) == dict.fromkeys(GRAPHS, 2)


@pytest.mark.parametrize("networks", [1, 2, 4])
def test_entries_take_the_same_whatever_fits_at_once(networks: int) -> None:
    device = Device()
    bench = ProfiledBench(device)
    bench.limit_bytes = room_for(networks)
    with bench.open() as session:
        seen = profile_networks(bench, session, GRAPHS)
    times = timings(seen, device.true_ms(lower(known(REFERENCE))))
    pieces = [entry for graph in GRAPHS for entry in entries(graph)]
    assert set(times) == {entry.key for entry in pieces}
    assert {key: len(found) for key, found in seen.items()} == {
        key: PASSES * count for key, count in Counter(entry.key for entry in pieces).items()
    }
