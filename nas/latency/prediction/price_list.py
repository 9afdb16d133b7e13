"""`PriceList`: prices for tens of thousands of networks a second."""

from functools import lru_cache

from nas.design.architecture import Architecture
from nas.design.graph import Graph, parts
from nas.design.walk import GraphPart
from nas.latency.prediction.estimate import Bill, MissingEntries, bill, estimate
from nas.latency.table import LatencyTable
from nas.latency.timing import Estimate

# More than the different stages of a search space.
_PARTS = 8192


class PriceList:
    """The `price` of any network from one table. A stage is priced once, wherever it comes again it is looked up."""

    def __init__(self, table: LatencyTable) -> None:
        self.table = table
        self._bill = lru_cache(maxsize=_PARTS)(self._price)

    def __call__(self, architecture: Architecture) -> Estimate:
        """Raises MissingEntries where the table lacks some."""
        return estimate([self._bill(part) for part in parts(architecture)], self.table)

    def known(self, architecture: Architecture) -> Estimate | None:
        """The same, or None where the table lacks some entries."""
        try:
            return self(architecture)
        except MissingEntries:
            return None

    def _price(self, part: GraphPart) -> Bill:
        return bill(Graph(part.inputs, part.nodes), self.table)
