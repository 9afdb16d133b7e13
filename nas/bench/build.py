"""`build_table`: a space's entries and some whole networks timed together, calibrated and validated."""

import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec import Struct

from nas.bench.clock import Clock, SystemClock
from nas.bench.held_out import network_ms, spread_plans, validate
from nas.bench.machine import conditions
from nas.bench.pricer import ENTRY_READINGS
from nas.bench.reference import REFERENCE, call_models, call_ratio, reference_subject
from nas.bench.rounds import (
    Progress,
    Schedule,
    disturbed_share,
    nominal_ms,
    ratios,
    silent,
    take_rounds,
    timing,
    turns_of,
)
from nas.bench.turns import Round, Subject, gauge
from nas.design.known import NAMES, known
from nas.design.plan import Plan, lower
from nas.design.space import SearchSpace
from nas.latency.calibrate import Calibration, calibrate
from nas.latency.entry import Entry, entries
from nas.latency.estimate import raw_sums
from nas.latency.table import VERSION, Header, LatencyTable, Reference, write_table
from nas.latency.timing import Timing
from nas.runtimes import Runtime

# Random networks; calibration also gets the ends of the space and the published networks, which search compares with.
CALIBRATION, VALIDATION = 15, 24
NETWORK_READINGS = 16
_CONTENDED = 0.3
_CALLS = 2


class _Ready(Struct, frozen=True):
    """All that a build times. Subjects are the two call chains, then the entries, then the whole networks."""

    entries: tuple[Entry, ...]
    plans: tuple[Plan, ...]
    subjects: tuple[Subject, ...]
    reference: Subject

    def networks(self) -> dict[int, Plan]:
        """Whole networks by subject number: the anchors, then random ones, cheapest first."""
        return dict(enumerate(self.plans, start=_CALLS + len(self.entries)))


def build_table(
    space: SearchSpace,
    runtime: Runtime,
    out: Path | None,
    seed: int = 0,
    resolution: int = 224,
    budget_s: float = 150.0,
    progress: Progress = silent,
    clock: Clock | None = None,
) -> LatencyTable:
    """The table of a space on this machine, written to `out`. Takes about `budget_s`, never fewer than three rounds."""
    clock, rng = clock or SystemClock(), random.Random(seed)
    began = clock.now_s()
    ready = _prepare(space, runtime, resolution, rng, clock, progress)
    schedule = Schedule(budget_s=budget_s - (clock.now_s() - began))
    rounds = take_rounds(ready.subjects, ready.reference, schedule, rng, clock, progress)
    table = _table(ready, rounds, space, runtime, resolution, clock.now_s() - began)
    if out is not None:
        write_table(out, table)
    return table


def space_entries(space: SearchSpace, resolution: int) -> tuple[Entry, ...]:
    """Every entry of the space and of the published networks, each key once."""
    plans = [lower(arch) for arch in space.cover(resolution)] + anchors(space, resolution)
    found = {entry.key: entry for plan in plans for entry in entries(plan)}
    return tuple(found.values())


def anchors(space: SearchSpace, resolution: int) -> list[Plan]:
    """Networks every table is calibrated on: the ends of the space, and the published networks at width 1."""
    published = [known(f"{name}-1-{resolution}") for name in NAMES]
    return [lower(arch) for arch in (space.smallest(resolution), space.largest(resolution), *published)]


def _prepare(
    space: SearchSpace, runtime: Runtime, resolution: int, rng: random.Random, clock: Clock, progress: Progress
) -> _Ready:
    """Everything is compiled before anything is timed: a compilation in between would heat and evict."""
    pieces = space_entries(space, resolution)
    subjects = [gauge(model.run, clock, ENTRY_READINGS) for model in call_models(runtime)]
    for number, piece in enumerate(pieces):
        progress("preparing entries", number, len(pieces))
        subjects.append(gauge(runtime.compile(piece.as_plan()).run, clock, ENTRY_READINGS))
    rough = {piece.key: subject.rough_ms for piece, subject in zip(pieces, subjects[_CALLS:], strict=True)}
    plans = anchors(space, resolution) + spread_plans(space, resolution, CALIBRATION + VALIDATION, rough, rng)
    for number, plan in enumerate(plans):
        progress("preparing whole networks", number, len(plans))
        subjects.append(gauge(runtime.compile(plan).run, clock, NETWORK_READINGS))
    return _Ready(pieces, tuple(plans), tuple(subjects), reference_subject(runtime, clock))


def _table(
    ready: _Ready, rounds: list[Round], space: SearchSpace, runtime: Runtime, resolution: int, seconds: float
) -> LatencyTable:
    nominal = nominal_ms(rounds)
    call_ms = call_ratio(ratios(rounds, 0), ratios(rounds, 1)) * nominal
    reference = Reference(REFERENCE, nominal, call_ms)
    numbered = enumerate(ready.entries, start=_CALLS)
    timings = {entry.key: timing(turns_of(rounds, i), nominal, call_ms) for i, entry in numbered}
    networks = ready.networks()
    fixed = len(anchors(space, resolution))
    inner = set(list(networks)[:fixed]) | _evenly(list(networks)[fixed:], CALIBRATION)
    calibration = _calibrate({i: networks[i] for i in inner}, rounds, timings, reference)
    held_out = {i: plan for i, plan in networks.items() if i not in inner}
    bare = {key: value.ms for key, value in timings.items()}
    header = Header(
        version=VERSION,
        conditions=conditions(runtime),
        space=space.name,
        resolution=resolution,
        reference=reference,
        calibration=calibration,
        validation=validate(held_out, rounds, bare, calibration, reference),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        contended=disturbed_share(rounds, list(networks)) > _CONTENDED,
        seconds=round(seconds, 1),
    )
    return LatencyTable(header, timings)


def _calibrate(
    plans: dict[int, Plan], rounds: list[Round], timings: dict[str, Timing], reference: Reference
) -> Calibration:
    bare = {key: value.ms for key, value in timings.items()}
    sums = [raw_sums(plan, bare) for plan in plans.values()]
    measured = [network_ms(rounds, i, reference.nominal_ms) - reference.call_ms for i in plans]
    return calibrate(sums, measured)


def _evenly(numbers: list[int], count: int) -> set[int]:
    """`count` of the numbers, evenly spaced, the ends among them."""
    return {numbers[round(position)] for position in np.linspace(0, len(numbers) - 1, min(count, len(numbers) - 2))}
