"""`price`: the latency of a network from a table."""

import itertools
from collections.abc import Iterable, Sequence

from msgspec import Struct

from nas.design.cost import op_macs, op_params
from nas.design.graph import Graph
from nas.errors import NasError
from nas.latency.prediction.entry import Entry, entries
from nas.latency.table import LatencyTable
from nas.latency.timing import Estimate, PricedPart


class MissingEntries(NasError):
    """Keys that a network needs and a table lacks; a missing entry never counts as zero."""

    def __init__(self, keys: Iterable[str]) -> None:
        """Lists the first keys and counts the rest."""
        self.keys = tuple(keys)
        named = ", ".join(repr(key) for key in self.keys[:3])
        rest = f" and {len(self.keys) - 3} more" if len(self.keys) > 3 else ""
        super().__init__(
            f"the latency table lacks {named}{rest}; build one for this space and resolution with 'nas table build', "
            "or search on this machine, where missing entries are measured."
        )


def missing(graph: Graph, table: LatencyTable) -> tuple[Entry, ...]:
    """The entries of a graph that a table lacks, each key once."""
    return _lacking(entries(graph), table)


def _lacking(pieces: Iterable[Entry], table: LatencyTable) -> tuple[Entry, ...]:
    found = {entry.key: entry for entry in pieces if entry.key not in table.timings}
    return tuple(found.values())


def price(graph: Graph, table: LatencyTable) -> Estimate:
    """Latency, its bound and its parts; raises MissingEntries where the table lacks some.

    The parts and one call of the runtime add up to the latency. Where parts are interpolated, all that they may be
    off by is added to the bound: neighbours of one staircase are off in the same direction.
    """
    return estimate([bill(graph, table)], table)


class Bill(Struct, frozen=True):
    """A run of a network's pieces with their sum; `doubt_ms` is what its `interpolated` ones may be off by."""

    parts: tuple[PricedPart, ...]
    ms: float
    doubt_ms: float
    interpolated: int


def bill(graph: Graph, table: LatencyTable) -> Bill:
    """The pieces of a graph, priced; raises MissingEntries with every entry that the table lacks."""
    pieces = entries(graph)
    if lacking := _lacking(pieces, table):
        raise MissingEntries(entry.key for entry in lacking)
    parts = tuple(_part(entry, table) for entry in pieces)
    timings = [table.timings[part.key] for part in parts]
    return Bill(
        parts=parts,
        ms=sum(part.ms for part in parts),
        doubt_ms=sum(part.ms * timing.uncertainty for part, timing in zip(parts, timings, strict=True)),
        interpolated=sum(timing.source == "interpolated" for timing in timings),
    )


def estimate(bills: Sequence[Bill], table: LatencyTable) -> Estimate:
    """The estimate of a network from the bills of its runs, in order."""
    ms = sum(one.ms for one in bills) + table.header.scale * table.header.reference.call_ms
    doubt_ms = sum(one.doubt_ms for one in bills)
    parts = tuple(itertools.chain.from_iterable(one.parts for one in bills))
    return Estimate(ms, ms * relative_bound(table) + doubt_ms, parts, sum(one.interpolated for one in bills))


def relative_bound(table: LatencyTable) -> float:
    """The table's 90 % error on held-out networks, never less than the clock's own repeatability."""
    return max(table.header.validation.q90, table.header.validation.floor)


def _part(entry: Entry, table: LatencyTable) -> PricedPart:
    return PricedPart(
        name=entry.name,
        key=entry.key,
        params=sum(op_params(op) for op in entry.ops),
        macs=sum(op_macs(op) for op in entry.ops),
        ms=table.timings[entry.key].ms * table.header.calibration.factor(entry) * table.header.scale,
    )
