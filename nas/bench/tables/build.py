"""`build_table`: a space's entries and some whole networks timed together, calibrated and validated."""

import random
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from nas.bench.batches import Timed, estimate_peak_bytes, time_items
from nas.bench.bench import Bench, Item
from nas.bench.pricer import ENTRY_READINGS
from nas.bench.reference import REFERENCE, call_plans, call_ratio
from nas.bench.rounds import (
    Progress,
    Schedule,
    disturbed_share,
    nominal_ms,
    ratios,
    silent,
    timing,
    turns_of,
)
from nas.bench.tables.anchors import (
    ANCHORS,
    anchor_plans,
    anchors_of,
    busy_beside,
    drift_of,
    fingerprint,
    outside_plans,
)
from nas.bench.tables.cards import CALIBRATION, QUICK_CALIBRATION, assign_roles, make_cards
from nas.bench.tables.held_out import QUICK, USUAL, spread_graphs
from nas.bench.tables.in_network import PASSES, NodeTimes, covering, profile_networks, timings
from nas.bench.turns import Round
from nas.design.graph import Graph, lower
from nas.design.size import Size
from nas.design.space import SearchSpace
from nas.device.facts import Facts
from nas.latency.prediction.entry import Entry, entries
from nas.latency.table import VERSION, Header, LatencyTable, Reference, write_table
from nas.latency.timing import Timing

NETWORK_READINGS = 16
# A table is marked where so large a share of readings was disturbed, or others kept so much of a core busy beside it.
CONTENDED = 0.3
_CALLS = 2
# Random networks of which those to profile are chosen.
_OFFERED = 3000
# Each resolution needs networks of its own: with several, they are profiled less often.
_PASSES_OF_SEVERAL = 2


class _Entries(Struct, frozen=True):
    """A space's entries, timed before whole networks are chosen.

    Those of `alone` were subjects of the `rounds`, after the two call chains; `seen` are those timed inside networks,
    each so many `passes`.
    """

    alone: tuple[Entry, ...]
    seen: NodeTimes
    passes: int
    rounds: list[Round]
    began_s: float
    ended_s: float

    @property
    def first(self) -> int:
        """The number of the first whole network among the subjects."""
        return _CALLS + len(self.alone)

    def rough(self) -> dict[str, float]:
        """Every entry's time over the reference's."""
        alone = {entry.key: ratios(self.rounds, i) for i, entry in enumerate(self.alone, start=_CALLS)}
        return {key: statistics.median(found) for key, found in {**alone, **self.seen}.items()}

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
    resolution: Size = 224,
    budget_s: float = 150.0,
    held_out: int = USUAL,
    progress: Progress = silent,
) -> LatencyTable:
    """The table of a space on a device, written to `out`, validated on `held_out` networks.

    It covers all resolutions of the space, calibrated and validated on networks of all of them; where the space leaves
    it open, `resolution`; the published networks at that one, the largest. Published ones that no space contains
    are graded apart.
    Takes about `budget_s`, never fewer than three rounds. With ten held-out networks or fewer it is quick: entries are
    profiled once, and half as many networks calibrate it.
    """
    rng, before, quick = random.Random(seed), bench.facts(), held_out <= QUICK
    calibration = QUICK_CALIBRATION if quick else CALIBRATION
    fixed = list(anchor_plans(space, resolution).values())
    outside = outside_plans(space, resolution)
    if bench.profiled:
        passes = 1 if quick else PASSES if len(space.sides(resolution)) == 1 else _PASSES_OF_SEVERAL
        found = _inside(space, bench, resolution, passes, rng, progress)
    else:
        found = _alone(space_entries(space, resolution), fixed, bench, Schedule(budget_s=budget_s / 2), rng, progress)
    drawn = spread_graphs(space, resolution, calibration + held_out, found.rough(), rng)
    graphs = [*fixed, *drawn, *outside.values()]
    timed = _networks(
        found, graphs, bench, Schedule(budget_s=budget_s - (found.ended_s - found.began_s)), rng, progress
    )
    rounds, seconds = [*found.rounds, *timed.rounds], timed.ended_s - found.began_s
    networks = dict(enumerate(graphs, start=found.first))
    table = _table(found, networks, rounds, calibration, space, bench, resolution, before, seconds)
    if out is not None:
        write_table(out, table)
    return table


def estimate_table_bytes(space: SearchSpace, bench: Bench, resolution: Size, is_known: bool) -> int:
    """About how much memory building a table takes on its device, or only recognising one that `is_known`."""
    rng, count = random.Random(0), 0 if is_known else CALIBRATION + USUAL
    drawn = [lower(space.sample(rng, resolution)) for _ in range(count)]
    return estimate_peak_bytes(bench, [*anchor_plans(space, resolution).values(), *drawn], range(ANCHORS))


def space_entries(space: SearchSpace, resolution: Size) -> tuple[Entry, ...]:
    """Every entry of the space and of the published networks, each key once."""
    published = [*anchor_plans(space, resolution).values(), *outside_plans(space, resolution).values()]
    graphs = [*map(lower, space.cover(resolution)), *published]
    found = {entry.key: entry for graph in graphs for entry in entries(graph)}
    return tuple(found.values())


def _inside(
    space: SearchSpace, bench: Bench, resolution: Size, passes: int, rng: random.Random, progress: Progress
) -> _Entries:
    """The entries from profiles of few networks that together have them all."""
    with bench.open() as session:
        began = session.now_s()
        seen = profile_networks(bench, session, _hosts(space, resolution, rng), progress, passes)
        return _Entries((), seen, passes, [], began, session.now_s())


def _hosts(space: SearchSpace, resolution: Size, rng: random.Random) -> list[Graph]:
    """Few networks that together have all entries of a space."""
    keys = [piece.key for piece in space_entries(space, resolution)]
    fixed = [*anchor_plans(space, resolution).values(), *outside_plans(space, resolution).values()]
    drawn = [*fixed, *(lower(space.sample(rng, resolution)) for _ in range(_OFFERED))]
    return covering(keys, [*drawn, *map(lower, space.cover(resolution))])


def _alone(
    pieces: tuple[Entry, ...],
    anchors: list[Graph],
    bench: Bench,
    schedule: Schedule,
    rng: random.Random,
    progress: Progress,
) -> _Entries:
    """The entries each as a network of its own, the call chains and the anchors beside them."""
    items = [*_calls(), *(Item(piece.as_graph(), ENTRY_READINGS) for piece in pieces), *_items(anchors)]
    places = range(len(items) - len(anchors), len(items))
    timed = time_items(bench, items, schedule, rng, progress, places, what="preparing entries")
    return _Entries(pieces, {}, 0, timed.rounds, timed.began_s, timed.ended_s)


def _networks(
    found: _Entries, graphs: list[Graph], bench: Bench, schedule: Schedule, rng: random.Random, progress: Progress
) -> Timed:
    """Rounds over the whole networks, of which the anchors are the first, and the call chains if they have none yet."""
    items = _items(graphs) if found.alone else [*_calls(), *_items(graphs)]
    first = len(items) - len(graphs)
    return time_items(bench, items, schedule, rng, progress, range(first, first + ANCHORS), first=found.first - first)


def _calls() -> list[Item]:
    return [Item(graph, ENTRY_READINGS) for graph in call_plans()]


def _items(graphs: Sequence[Graph]) -> list[Item]:
    return [Item(graph, NETWORK_READINGS) for graph in graphs]


def _table(
    timed: _Entries,
    networks: dict[int, Graph],
    rounds: list[Round],
    calibration: int,
    space: SearchSpace,
    bench: Bench,
    resolution: Size,
    before: Facts,
    seconds: float,
) -> LatencyTable:
    nominal = nominal_ms(rounds)
    call_ms = call_ratio(ratios(rounds, 0), ratios(rounds, 1)) * nominal
    reference = Reference(REFERENCE, nominal, call_ms)
    found = timed.timings(rounds, nominal, call_ms)
    keys, names = list(anchor_plans(space, resolution)), list(outside_plans(space, resolution))
    roles = assign_roles(list(networks), len(keys), len(names), calibration)
    cards = make_cards(networks, roles, rounds, found, reference)
    anchors = anchors_of(keys, rounds, next(iter(networks)))
    after = bench.facts()
    beside = busy_beside(before, after, seconds, bench.runtime.threads)
    header = Header(
        version=VERSION,
        conditions=bench.conditions(),
        fingerprint=fingerprint(bench, before, after),
        space=space.name,
        resolutions=space.sides(resolution),
        reference=reference,
        calibration=cards.calibration,
        validation=cards.validation,
        outside=cards.outside,
        outside_names=tuple(names),
        quantiles=cards.quantiles,
        anchors=anchors,
        drift=drift_of(anchors),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        contended=max(disturbed_share(rounds, list(networks)), beside) > CONTENDED,
        seconds=round(seconds, 1),
    )
    return LatencyTable(header, found)
