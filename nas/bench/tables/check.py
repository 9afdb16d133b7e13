"""`check_table`: does a table still hold, on networks that neither its build nor its calibration has seen?"""

import random

from nas.bench.batches import time_items
from nas.bench.bench import Bench, Item
from nas.bench.rounds import Progress, Schedule, silent
from nas.bench.tables.build import NETWORK_READINGS
from nas.bench.tables.held_out import compare, grade_pairs, spread_graphs
from nas.design.space import SearchSpace
from nas.latency.conditions import require_same
from nas.latency.report_card import Validation
from nas.latency.table import LatencyTable

_SCHEDULE = Schedule(least=3, most=6, budget_s=60)


def check_table(
    table: LatencyTable,
    space: SearchSpace,
    bench: Bench,
    count: int = 20,
    seed: int = 1_000_003,
    progress: Progress = silent,
) -> Validation:
    """The report card of fresh random networks; raises ConditionsDiffer where the table is of another machine."""
    require_same(table.header.conditions, bench.conditions(), "the latency table")
    rng = random.Random(seed)
    timings = {key: timing.ms for key, timing in table.timings.items()}
    graphs = spread_graphs(space, table.header.resolution, count, timings, rng)
    items = [Item(graph, NETWORK_READINGS) for graph in graphs]
    timed = time_items(bench, items, _SCHEDULE, rng, progress, reference=table.header.reference.name)
    header, networks = table.header, dict(enumerate(graphs))
    return grade_pairs(compare(networks, timed.rounds, timings, header.calibration, header.reference), timed.rounds)
