"""`Goal`: what a step of NetAdapt lowers, and how far."""

from typing import Protocol

from msgspec import Struct

from nas.algorithms.budgets import Budget
from nas.design.architecture import Architecture
from nas.units import told_ms


class PricedNetwork(Protocol):
    """A network with its predicted latency: a step, or a proposal."""

    @property
    def architecture(self) -> Architecture:
        """The network."""
        ...

    @property
    def predicted_ms(self) -> float:
        """Its predicted latency in milliseconds."""
        ...


class Goal(Struct, frozen=True):
    """The most that a network may cost: milliseconds, or what a `budget` counts."""

    limit: float
    budget: Budget | None = None

    def cost(self, one: PricedNetwork) -> float:
        """Return the latency of a network, or what it takes of the budget."""
        return one.predicted_ms if self.budget is None else self.budget.cost(one.architecture)

    def excess(self, one: PricedNetwork) -> float:
        """Return how far a network is above the goal; 0 or less if it meets it."""
        return self.cost(one) - self.limit

    @property
    def lowers(self) -> str:
        """Return the name of what is lowered."""
        return "latency" if self.budget is None else self.budget.name

    def describe(self, value: float) -> str:
        """Return a cost in words."""
        return f"{told_ms(value)} ms" if self.budget is None else self.budget.describe(value)
