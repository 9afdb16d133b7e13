"""`check_table`: does a table still hold, on networks that neither its build nor its calibration has seen?"""

import random

from nas.bench.build import NETWORK_READINGS
from nas.bench.clock import Clock, SystemClock
from nas.bench.held_out import spread_plans, validate
from nas.bench.machine import conditions
from nas.bench.reference import reference_subject
from nas.bench.rounds import Progress, Schedule, silent, take_rounds
from nas.bench.turns import gauge
from nas.design.space import SearchSpace
from nas.latency.conditions import require_same
from nas.latency.report_card import Validation
from nas.latency.table import LatencyTable
from nas.runtimes import Runtime

_SCHEDULE = Schedule(least=3, most=6, budget_s=60)


def check_table(
    table: LatencyTable,
    space: SearchSpace,
    runtime: Runtime,
    count: int = 20,
    seed: int = 1_000_003,
    progress: Progress = silent,
    clock: Clock | None = None,
) -> Validation:
    """The report card of fresh random networks; raises ConditionsDiffer where the table is of another machine."""
    require_same(table.header.conditions, conditions(runtime), "the latency table")
    clock, rng = clock or SystemClock(), random.Random(seed)
    timings = {key: timing.ms for key, timing in table.timings.items()}
    plans = spread_plans(space, table.header.resolution, count, timings, rng)
    reference = reference_subject(runtime, clock, table.header.reference.name)
    subjects = [gauge(runtime.compile(plan).run, clock, NETWORK_READINGS) for plan in plans]
    rounds = take_rounds(subjects, reference, _SCHEDULE, rng, clock, progress)
    return validate(dict(enumerate(plans)), rounds, timings, table.header.calibration, table.header.reference)
