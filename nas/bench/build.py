"""`build_table`: a space's entries and some whole networks timed together, calibrated and validated."""

import random
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec import Struct

from nas.bench.anchors import ANCHORS, anchor_plans, anchors_of, busy_beside, drift_of, fingerprint
from nas.bench.bench import Bench, Item, Session
from nas.bench.held_out import USUAL, network_ms, spread_plans, validate
from nas.bench.in_network import PASSES, Seen, covering, profile_networks, timings
from nas.bench.pricer import ENTRY_READINGS
from nas.bench.reference import REFERENCE, call_plans, call_ratio
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
from nas.bench.turns import Round
from nas.design.plan import Plan, lower
from nas.design.space import SearchSpace
from nas.device.facts import Facts
from nas.latency.calibrate import Calibration, calibrate
from nas.latency.entry import Entry, entries
from nas.latency.table import VERSION, Header, LatencyTable, Reference, write_table
from nas.latency.timing import Timing

# Random networks; calibration also gets the ends of the space and the published networks, which search compares with.
CALIBRATION = 30
NETWORK_READINGS = 16
# A table is marked where so large a share of readings was disturbed, or others kept so much of a core busy beside it.
CONTENDED = 0.3
_CALLS = 2
# Random networks of which those to profile are chosen.
_OFFERED = 3000
# Each resolution needs networks of its own: with several, they are profiled less often.
_PASSES_OF_SEVERAL = 2
# Models loaded at once, so that a person sees that it goes on.
_BATCH = 32


class _Ready(Struct, frozen=True):
    """All that a build times. Subjects are the two call chains, then entries timed alone, then the whole networks.

    `seen` holds the entries timed inside networks instead.
    """

    alone: tuple[Entry, ...]
    seen: Seen
    plans: tuple[Plan, ...]
    passes: int

    @property
    def count(self) -> int:
        """How many subjects there are."""
        return _CALLS + len(self.alone) + len(self.plans)

    @property
    def anchors(self) -> range:
        """The subjects that every round visits."""
        first = _CALLS + len(self.alone)
        return range(first, first + ANCHORS)

    def networks(self) -> dict[int, Plan]:
        """Whole networks by subject number: the anchors, then random ones, cheapest first."""
        return dict(enumerate(self.plans, start=_CALLS + len(self.alone)))

    def timings(self, rounds: list[Round], nominal: float, call_ms: float) -> dict[str, Timing]:
        """Of every entry."""
        numbered = enumerate(self.alone, start=_CALLS)
        alone = {entry.key: timing(turns_of(rounds, i), nominal, call_ms) for i, entry in numbered}
        return alone | timings(self.seen, nominal, self.passes)


def build_table(
    space: SearchSpace,
    bench: Bench,
    out: Path | None,
    seed: int = 0,
    resolution: int = 224,
    budget_s: float = 150.0,
    held_out: int = USUAL,
    progress: Progress = silent,
) -> LatencyTable:
    """The table of a space on a device, written to `out`, validated on `held_out` networks.

    It covers all resolutions of the space, calibrated and validated on networks of all of them; where the space leaves
    it open, `resolution`; the published networks at that one, the largest.
    Takes about `budget_s`, never fewer than three rounds.
    """
    rng, before = random.Random(seed), bench.facts()
    with bench.open() as session:
        began = session.now_s()
        ready = _prepare(space, bench, session, resolution, CALIBRATION + held_out, rng, progress)
        schedule = Schedule(budget_s=budget_s - (session.now_s() - began))
        rounds = take_rounds(session, ready.count, schedule, rng, progress, ready.anchors)
        seconds = session.now_s() - began
    table = _table(ready, rounds, space, bench, resolution, before, seconds)
    if out is not None:
        write_table(out, table)
    return table


def space_entries(space: SearchSpace, resolution: int) -> tuple[Entry, ...]:
    """Every entry of the space and of the published networks, each key once."""
    plans = [*map(lower, space.cover(resolution)), *anchor_plans(space, resolution).values()]
    found = {entry.key: entry for plan in plans for entry in entries(plan)}
    return tuple(found.values())


def _prepare(
    space: SearchSpace,
    bench: Bench,
    session: Session,
    resolution: int,
    count: int,
    rng: random.Random,
    progress: Progress,
) -> _Ready:
    """Everything is compiled before anything is timed by the clock: a compilation in between would heat and evict."""
    pieces = space_entries(space, resolution)
    fixed = list(anchor_plans(space, resolution).values())
    session.add([Item(plan, ENTRY_READINGS) for plan in call_plans()])
    seen: Seen = {}
    passes = PASSES if len(space.sides(resolution)) == 1 else _PASSES_OF_SEVERAL
    if bench.profiled:
        drawn = [*fixed, *(lower(space.sample(rng, resolution)) for _ in range(_OFFERED))]
        hosts = covering([piece.key for piece in pieces], [*drawn, *map(lower, space.cover(resolution))])
        seen = profile_networks(session, hosts, progress, passes)
        rough = {key: statistics.median(ratios) for key, ratios in seen.items()}
    else:
        items = [Item(piece.as_plan(), ENTRY_READINGS) for piece in pieces]
        rough_ms = _load(session, items, "preparing entries", progress)
        rough = {piece.key: ms for piece, ms in zip(pieces, rough_ms, strict=True)}
    plans = [*fixed, *spread_plans(space, resolution, count, rough, rng)]
    _load(session, [Item(plan, NETWORK_READINGS) for plan in plans], "preparing whole networks", progress)
    return _Ready(() if seen else pieces, seen, tuple(plans), passes)


def _load(session: Session, items: Sequence[Item], what: str, progress: Progress) -> list[float]:
    rough_ms: list[float] = []
    for start in range(0, len(items), _BATCH):
        progress(what, start, len(items))
        rough_ms += session.add(items[start : start + _BATCH])
    return rough_ms


def _table(
    ready: _Ready, rounds: list[Round], space: SearchSpace, bench: Bench, resolution: int, before: Facts, seconds: float
) -> LatencyTable:
    nominal = nominal_ms(rounds)
    call_ms = call_ratio(ratios(rounds, 0), ratios(rounds, 1)) * nominal
    reference = Reference(REFERENCE, nominal, call_ms)
    found = ready.timings(rounds, nominal, call_ms)
    networks = ready.networks()
    keys = list(anchor_plans(space, resolution))
    inner = set(list(networks)[: len(keys)]) | _evenly(list(networks)[len(keys) :], CALIBRATION)
    anchors = anchors_of(keys, rounds, next(iter(networks)))
    calibration = _calibrate({i: networks[i] for i in inner}, rounds, found, reference)
    held_out = {i: plan for i, plan in networks.items() if i not in inner}
    bare = {key: value.ms for key, value in found.items()}
    after = bench.facts()
    beside = busy_beside(before, after, seconds, bench.runtime.threads)
    header = Header(
        version=VERSION,
        conditions=bench.conditions(),
        fingerprint=fingerprint(bench, before, after),
        space=space.name,
        resolutions=space.sides(resolution),
        reference=reference,
        calibration=calibration,
        validation=validate(held_out, rounds, bare, calibration, reference),
        anchors=anchors,
        drift=drift_of(anchors),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        contended=max(disturbed_share(rounds, list(networks)), beside) > CONTENDED,
        seconds=round(seconds, 1),
    )
    return LatencyTable(header, found)


def _calibrate(
    plans: dict[int, Plan], rounds: list[Round], timings: dict[str, Timing], reference: Reference
) -> Calibration:
    bare = {key: value.ms for key, value in timings.items()}
    measured = [network_ms(rounds, i, reference.nominal_ms) - reference.call_ms for i in plans]
    return calibrate([entries(plan) for plan in plans.values()], bare, measured)


def _evenly(numbers: list[int], count: int) -> set[int]:
    """`count` of the numbers, evenly spaced, the ends among them."""
    return {numbers[round(position)] for position in np.linspace(0, len(numbers) - 1, min(count, len(numbers) - 2))}
