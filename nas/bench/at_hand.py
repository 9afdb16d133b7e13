"""The table to use on this machine: its own from the cache, or a shipped one brought to this machine's speed."""

import random
from pathlib import Path

from msgspec.structs import replace

from nas.bench.clock import Clock, SystemClock
from nas.bench.machine import conditions
from nas.bench.reference import reference_subject
from nas.bench.rounds import Schedule, nominal_ms, take_rounds
from nas.folders import shipped
from nas.latency.cache import cached_path, find_table
from nas.latency.table import LatencyTable, read_table, write_table
from nas.latency.timing import Timing
from nas.runtimes import Runtime

_SCHEDULE = Schedule(least=40, most=40)


def table_at_hand(
    runtime: Runtime, space: str | None = None, resolution: int | None = None, clock: Clock | None = None
) -> Path | None:
    """Path of a table measured under this machine's conditions, or None.

    A shipped table is copied to the cache first, so that entries measured later do not change what was shipped, and
    scaled to the speed that its reference network has here: machines of one kind differ in speed.
    """
    here = conditions(runtime)
    if (path := find_table(here, space, resolution)) is not None:
        return path
    if (path := find_table(here, space, resolution, (shipped("latency_tables"),))) is None:
        return None
    table = read_table(path)
    own = cached_path(here, table.header.space, table.header.resolution)
    write_table(own, scaled(table, reference_now_ms(runtime, table.header.reference.name, clock)))
    return own


def reference_now_ms(runtime: Runtime, name: str, clock: Clock | None = None) -> float:
    """What the reference network takes at the moment, by the rule that gives a table its nominal time."""
    clock = clock or SystemClock()
    subject = reference_subject(runtime, clock, name)
    return nominal_ms(take_rounds([], subject, _SCHEDULE, random.Random(0), clock))


def scaled(table: LatencyTable, reference_ms: float) -> LatencyTable:
    """The same table for a machine on which the reference takes this long; all ratios stay."""
    header, factor = table.header, reference_ms / table.header.reference.nominal_ms
    reference = replace(header.reference, nominal_ms=reference_ms, call_ms=header.reference.call_ms * factor)
    timings = {key: _times(timing, factor) for key, timing in table.timings.items()}
    return LatencyTable(replace(header, reference=reference), timings)


def _times(timing: Timing, factor: float) -> Timing:
    return replace(timing, ms=timing.ms * factor, p10_ms=timing.p10_ms * factor, p90_ms=timing.p90_ms * factor)
