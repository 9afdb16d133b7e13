"""`Pricer`: prices from a table; what the table lacks is measured on demand and kept."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from nas.bench.bench import Bench, Item
from nas.bench.rounds import Progress, Schedule, silent, take_rounds, timing, turns_of
from nas.design.architecture import Architecture
from nas.design.plan import lower
from nas.latency.conditions import require_same
from nas.latency.entry import Entry
from nas.latency.estimate import missing, price
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

    def __call__(self, architecture: Architecture) -> Estimate:
        """Latency of a network, after measuring what is missing."""
        self.ensure([architecture])
        return price(lower(architecture), self.table)

    def ensure(self, architectures: Iterable[Architecture]) -> None:
        """Measures in one batch all that the table lacks for these networks."""
        found = {entry.key: entry for arch in architectures for entry in missing(lower(arch), self.table)}
        if not found:
            return
        timings = self._time(list(found.values()))
        self.measured += len(timings)
        self.table = append_rows(self._path, timings) if self._path else self.table.extended(timings)

    def _time(self, entries: Sequence[Entry]) -> dict[str, Timing]:
        """The same turns against the same reference as in the build, so that the numbers are of one kind."""
        header = self.table.header
        with self._bench.open(header.reference.name) as session:
            session.add([Item(entry.as_plan(), ENTRY_READINGS) for entry in entries])
            rng = random.Random(len(self.table.timings))
            rounds = take_rounds(session, len(entries), _SCHEDULE, rng, self._progress)
        nominal, call = header.reference.nominal_ms, header.reference.call_ms
        return {entry.key: timing(turns_of(rounds, i), nominal, call) for i, entry in enumerate(entries)}
