"""Entries timed inside whole networks, by runtimes that tell how long each node takes.

Timed alone, an op pays for layouts that a network never has: one of ONNX Runtime's sums came to 113 % of the network,
one of OpenVINO's to 165 %, a single op of it to fifteen times what it takes inside. Inside, the sum is the network.
"""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush

import numpy as np

from nas.bench.batches import split_items
from nas.bench.bench import Bench, Item, TimingSession
from nas.bench.rounds import Progress, silent
from nas.bench.turns import typical_ms
from nas.design.graph import Graph
from nas.device.profile import Profile
from nas.latency.prediction.entry import entries
from nas.latency.prediction.in_network import by_entry
from nas.latency.timing import Timing

# Every network is profiled this often, each time for this many runs.
PASSES, RUNS = 3, 12
# By key, the time over the reference's in each profile of a network that has the entry.
NodeTimes = Mapping[str, Sequence[float]]
# No node takes less than half of what a profiler can tell.
_LEAST_MS = 0.0005


def covering(keys: Iterable[str], graphs: Sequence[Graph]) -> list[Graph]:
    """Few of the graphs that together have all the keys that any has: each time the one with the most new ones.

    What a graph adds only gets less, so a graph is counted again only when it comes up (Minoux 1978, lazy greedy).
    """
    left = set(keys)
    offered = [frozenset(entry.key for entry in entries(graph)) for graph in graphs]
    queue = [(-len(found & left), place) for place, found in enumerate(offered)]
    heapify(queue)
    chosen: list[Graph] = []
    while queue and left:
        known, place = heappop(queue)
        if (now := -len(offered[place] & left)) > known:
            heappush(queue, (now, place))
        elif now:
            chosen.append(graphs[place])
            left -= offered[place]
    return chosen


def profile_networks(
    bench: Bench, session: TimingSession, graphs: Sequence[Graph], progress: Progress = silent, passes: int = PASSES
) -> NodeTimes:
    """Every entry of the graphs, each time it was seen in a session of the bench."""
    seen: dict[str, list[float]] = {}
    for done, (graph, profile) in enumerate(_profiles(bench, session, graphs, passes), start=1):
        progress("profiling networks", done, passes * len(graphs))
        for key, ratio in _ratios(graph, profile):
            seen.setdefault(key, []).append(ratio)
    return seen


def timings(seen: NodeTimes, nominal_ms: float, passes: int = PASSES) -> dict[str, Timing]:
    """At the reference's nominal time, the median over all that was seen in so many passes."""
    return {key: _timing([ratio * nominal_ms for ratio in ratios], passes) for key, ratios in seen.items()}


def _profiles(
    bench: Bench, session: TimingSession, graphs: Sequence[Graph], passes: int
) -> Iterator[tuple[Graph, Profile]]:
    """Each graph with its profile of each pass.

    Encoding a network takes as long as profiling it, so each is encoded once: all passes go over as many networks as
    fit the bench's limit of memory, then over the next ones.
    """
    items = [Item(graph, RUNS) for graph in graphs]
    for places in split_items(bench, items):
        profiles = session.profile([items[place] for place in places], passes)
        yield from zip([graphs[place] for place in places] * passes, profiles, strict=True)


def _ratios(graph: Graph, profile: Profile) -> Iterable[tuple[str, float]]:
    """(key, time over the reference's) of every entry of one profiled network."""
    reference_ms = statistics.median(typical_ms(visit.ticks) for visit in profile.reference)
    for entry, ms in by_entry(graph, profile.nodes):
        yield entry.key, max(ms, _LEAST_MS) / reference_ms


def _timing(times_ms: Sequence[float], passes: int) -> Timing:
    p10, p90 = (float(value) for value in np.quantile(times_ms, (0.1, 0.9)))
    return Timing(statistics.median(times_ms), p10, p90, RUNS * len(times_ms), passes, source="network")
