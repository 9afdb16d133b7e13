"""Budgets: what a network may cost beside latency. A new one is a function, a line in `_COSTS` and its option.

Latency is the target of a run and has a table with intervals; a budget is a further limit, exact and known at once.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.units import describe_count

Cost = Callable[[Architecture], float]


class Budget(Struct, frozen=True):
    """The most that a network may cost: `limit` in the `unit` of `cost`. Its option is `--max-` and its `name`."""

    name: str
    unit: str
    limit: float
    cost: Cost

    def excess(self, arch: Architecture) -> float:
        """Return by what share of the limit a network is above it; 0 or less if it is within."""
        return self.cost(arch) / self.limit - 1

    def describe(self, value: float) -> str:
        """Return a cost in words, exact to the last digit."""
        return f"{describe_count(value)} {self.unit}"


def count_parameters(arch: Architecture) -> int:
    """Return the trained parameters of a network."""
    return params(lower(arch))


def count_macs(arch: Architecture) -> int:
    """Return the multiply-adds of a network for one image."""
    return macs(lower(arch))


_COSTS: dict[str, tuple[str, Cost]] = {
    "parameters": ("parameters", count_parameters),
    "macs": ("MACs", count_macs),
}
BUDGET_NAMES = tuple(_COSTS)


def budgets_of(limits: Mapping[str, float]) -> tuple[Budget, ...]:
    """Return the budgets of limits by their names.

    >>> [budget.describe(budget.limit) for budget in budgets_of({"macs": 300e6, "parameters": 2.5e6})]
    ['2,500,000 parameters', '300,000,000 MACs']
    """
    return tuple(Budget(name, unit, limits[name], cost) for name, (unit, cost) in _COSTS.items() if name in limits)


def within(arch: Architecture, budgets: Iterable[Budget]) -> bool:
    """Return whether a network costs no more than any of the budgets allows."""
    return all(budget.cost(arch) <= budget.limit for budget in budgets)


class BudgetUse(Struct, frozen=True):
    """What a network takes of a budget."""

    name: str
    unit: str
    limit: float
    value: float


def budget_uses(arch: Architecture, budgets: Iterable[Budget]) -> tuple[BudgetUse, ...]:
    """Return what a network takes of each budget."""
    return tuple(BudgetUse(one.name, one.unit, one.limit, one.cost(arch)) for one in budgets)


def describe_uses(uses: Iterable[BudgetUse]) -> str:
    """Return what is taken of budgets in words, empty if there are none.

    >>> describe_uses([BudgetUse("parameters", "parameters", 2_500_000, 2_310_000)])
    '2,310,000 of at most 2,500,000 parameters'
    """
    return ", ".join(f"{describe_count(u.value)} of at most {describe_count(u.limit)} {u.unit}" for u in uses)


def describe_limits(budgets: Iterable[Budget | BudgetUse]) -> str:
    """Return the limits in words, empty if there are none.

    >>> describe_limits(budgets_of({"parameters": 2_500_000, "macs": 300_000_000}))
    'at most 2,500,000 parameters and 300,000,000 MACs'
    """
    limits = " and ".join(f"{describe_count(one.limit)} {one.unit}" for one in budgets)
    return f"at most {limits}" if limits else ""
