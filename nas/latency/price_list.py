"""`PriceList`: only the milliseconds, for thousands of networks a second."""

from functools import lru_cache

from nas.design.architecture import Architecture
from nas.design.plan import Part, Plan, parts
from nas.latency.entry import entries
from nas.latency.estimate import MissingEntries, entry_ms, require
from nas.latency.table import LatencyTable

# About as many as a search space has different stages.
_PARTS = 8192


class PriceList:
    """Latencies from one table. What a stage costs is looked up again wherever the same stage comes again."""

    def __init__(self, table: LatencyTable) -> None:
        self.table = table
        self._call_ms = table.header.scale * table.header.reference.call_ms
        self._part_ms = lru_cache(maxsize=_PARTS)(self._price)

    def ms(self, architecture: Architecture) -> float:
        """What `price` says of the lowered network, without its parts; raises MissingEntries as `price` does."""
        return sum(map(self._part_ms, parts(architecture)), self._call_ms)

    def complete(self, architecture: Architecture) -> bool:
        """Whether the table has every entry of a network."""
        try:
            self.ms(architecture)
        except MissingEntries:
            return False
        return True

    def _price(self, part: Part) -> float:
        pieces = entries(Plan((part.image,), part.nodes))
        require(pieces, self.table)
        return sum(entry_ms(entry, self.table) for entry in pieces)

    def _price(self, part: Part) -> float:
        pieces = entries(Plan((part.image,), part.nodes))
        require(pieces, self.table)
        return sum(entry_ms(entry, self.table) for entry in pieces)
