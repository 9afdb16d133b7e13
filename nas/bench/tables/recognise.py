"""A table that meets a device: again after some time, or another device than its own."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from nas.bench.batches import time_items
from nas.bench.bench import Bench, Item
from nas.bench.rounds import Progress, Schedule, disturbed_share, nominal_ms, ratios, silent
from nas.bench.tables.anchors import anchors_of, busy_beside, drift_of, fingerprint, own_anchors
from nas.bench.tables.build import CONTENDED, NETWORK_READINGS
from nas.bench.tables.held_out import network_ms, spread_graphs
from nas.design.space import SearchSpace
from nas.latency.glance import Decision, Glance, Same, decide, is_usual
from nas.latency.report_card import repeat_floor
from nas.latency.table import Header, LatencyTable, Reference
from nas.latency.transfer import Here, port

_GLANCE = Schedule(least=3, most=3)
# Between two glances: a neighbour's burst is often over then.
_PAUSE_S = 20.0
_MOST_GLANCES = 3
_SCHEDULE = Schedule(least=3, most=6, budget_s=60)


def recognise(
    table: LatencyTable,
    space: SearchSpace,
    bench: Bench,
    progress: Progress = silent,
    pause: Callable[[float], None] = time.sleep,
) -> Decision:
    """A few seconds of anchors: whether a table still holds; repeated after a pause if they are not as in the table.

    `space` is what a run asks for; the anchors are the table's own.
    """
    header = table.header
    glances = [_glance(header, space, bench, progress)]
    decision = decide(header.anchors, glances, header.validation.floor)
    if is_usual(glances[0], header.anchors, header.validation.floor):
        return decision
    for number in range(1, _MOST_GLANCES):
        progress("waiting for the device to calm down", number - 1, _MOST_GLANCES - 1)
        pause(_PAUSE_S)
        glances.append(_glance(header, space, bench, progress))
        decision = decide(header.anchors, glances, header.validation.floor)
        if isinstance(decision, Same):
            break
    return decision


def _glance(header: Header, space: SearchSpace, bench: Bench, progress: Progress) -> Glance:
    before, graphs = bench.facts(), own_anchors(header, space)
    items = [Item(graph, NETWORK_READINGS) for graph in graphs.values()]
    timed = time_items(bench, items, _GLANCE, random.Random(0), progress, reference=header.reference.name)
    return Glance(
        anchors=anchors_of(graphs, timed.rounds, 0),
        slowdown=nominal_ms(timed.rounds) / header.reference.nominal_ms,
        busy=busy_beside(before, bench.facts(), timed.seconds, bench.runtime.threads),
        contended=disturbed_share(timed.rounds, range(len(graphs))) > CONTENDED,
    )


def import_table(
    table: LatencyTable,
    origin: str,
    space: SearchSpace,
    bench: Bench,
    count: int = 8,
    seed: int = 0,
    progress: Progress = silent,
) -> LatencyTable:
    """A sibling device's table with one scale, from `count` networks of the space measured here; see `port`."""
    rng, before, header = random.Random(seed), bench.facts(), table.header
    timings = {key: timing.ms for key, timing in table.timings.items()}
    graphs = spread_graphs(space, header.resolution, count, timings, rng)
    anchors = own_anchors(header, space)
    items = [Item(graph, NETWORK_READINGS) for graph in (*graphs, *anchors.values())]
    timed = time_items(bench, items, _SCHEDULE, rng, progress, reference=header.reference.name)
    rounds = timed.rounds
    nominal, found = nominal_ms(rounds), anchors_of(anchors, rounds, len(graphs))
    here = Here(
        conditions=bench.conditions(),
        fingerprint=fingerprint(bench, before, bench.facts()),
        reference=Reference(header.reference.name, nominal, 0.0),
        floor=repeat_floor([ratios(rounds, number) for number in range(len(graphs))]),
        contended=disturbed_share(rounds, range(len(graphs))) > CONTENDED,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(timed.seconds, 1),
        anchors=found,
        drift=drift_of(found),
    )
    return port(table, origin, here, [(graph, network_ms(rounds, i, nominal)) for i, graph in enumerate(graphs)])
