"""`Pricer`: prices from a table; what the table lacks is measured on demand and kept."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from nas.bench.batches import time_items
from nas.bench.bench import Bench, Item
from nas.bench.rounds import Progress, Schedule, silent, timing, turns_of
from nas.bench.tables.hosts import hosts
from nas.bench.tables.in_network import profile_networks, timings
from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.latency.conditions import require_same
from nas.latency.prediction.entry import Entry
from nas.latency.prediction.estimate import missing
from nas.latency.prediction.price_list import PriceList
from nas.latency.table import LatencyTable, append_rows
from nas.latency.timing import Estimate, Timing

ENTRY_READINGS = 8
_SCHEDULE = Schedule(least=3, most=5, budget_s=20)


class Pricer:
    """The `Prices` of a table and the bench it was measured on. Timings it adds go to the table's file."""

    def __init__(
        self,
        table: LatencyTable,
        bench: Bench,
        path: Path | None = None,
        progress: Progress = silent,
    ) -> None:
        """Raises ConditionsDiffer where the table is of another machine; without a path nothing is written."""
        require_same(table.header.conditions, bench.conditions(), f"the latency table {path or ''}".strip())
        self.table, self.measured = table, 0
        self._bench, self._path, self._progress = bench, path, progress
        self._prices = PriceList(table)
        # One kind of number: a table of entries timed alone is extended by such.
        self._inside = bench.profiled and any(one.source == "network" for one in table.timings.values())

    def __call__(self, architecture: Architecture) -> Estimate:
        """Latency of a network, after measuring what is missing."""
        self.ensure([architecture])
        return self._prices(architecture)

    def known(self, architecture: Architecture) -> Estimate | None:
        """Latency of a network that the table has all entries of; None for another."""
        return self._prices.known(architecture)

    def ensure(self, architectures: Iterable[Architecture]) -> None:
        """Measures in one batch all that the table lacks for these networks."""
        lacking = [arch for arch in architectures if self.known(arch) is None]
        found = {entry.key: entry for arch in lacking for entry in missing(lower(arch), self.table)}
        if not found:
            return
        timed = self._in_networks(list(found), lacking) if self._inside else self._alone(list(found.values()))
        self.measured += len(timed)
        kept = append_rows(self._path, timed).timings if self._path else timed
        self.table = self.table.extended(kept)
        self._prices = PriceList(self.table)

    def _in_networks(self, keys: Sequence[str], offered: Sequence[Architecture]) -> dict[str, Timing]:
        """From profiles of few networks that have them all."""
        reference = self.table.header.reference
        with self._bench.open(reference.name) as session:
            graphs = [lower(arch) for arch in hosts(keys, offered)]
            seen = profile_networks(self._bench, session, graphs, self._progress)
        return timings({key: seen[key] for key in keys}, reference.nominal_ms)

    def _alone(self, entries: Sequence[Entry]) -> dict[str, Timing]:
        """The same turns against the same reference as in the build, so that the numbers are of one kind."""
        reference = self.table.header.reference
        items = [Item(entry.as_graph(), ENTRY_READINGS) for entry in entries]
        rng = random.Random(len(self.table.timings))
        timed = time_items(
            self._bench, items, _SCHEDULE, rng, self._progress, reference=reference.name, what="preparing entries"
        )
        nominal, call = reference.nominal_ms, reference.call_ms
        return {entry.key: timing(turns_of(timed.rounds, i), nominal, call) for i, entry in enumerate(entries)}
