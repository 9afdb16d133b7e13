"""Which proposal NetAdapt takes: a rule that is defined for gains, for noise and for ties."""

from collections.abc import Callable, Sequence

from nas.algorithms.pipeline.records import Proposal

ProposalCost = Callable[[Proposal], float]
"""What is to be lowered: the predicted latency of a proposal, or what it takes of a budget."""

LEADING = 3  # proposals that may be looked at again

Rank = tuple[float, float, float, str]


def latency(proposal: Proposal) -> float:
    """Return the predicted latency in milliseconds."""
    return proposal.predicted_ms


def preference(loss_change: float, interval: tuple[float, float], value: float, name: str) -> Rank:
    """Sort key of a proposal, the smallest wins: least loss per millisecond saved, or per parameter, …

    `value` are the milliseconds saved, or all that are still wanted where it saves more: those beyond the goal are
    worth nothing. The paper's ratio has no meaning where accuracy does not fall (of two gains the smaller cut would
    win). Where the paired interval includes zero or a gain, the cut counts as free, and of free cuts the one worth most
    wins, of these the one that loses least.
    """
    cost = loss_change / value if interval[0] > 0 else 0.0
    return (cost, -value, loss_change, name)


def paper_preference(accuracy_change: float, saved: float, name: str) -> tuple[float, float, str]:
    """Sort key of a proposal by the paper's ratio, change of top-1 by milliseconds saved (section 4.2)."""
    return (-accuracy_change / saved, -saved, name)


def worth(cost: float, before: float, goal: float) -> float:
    """What a network of this cost saves, or all that is wanted where it saves more."""
    return before - max(cost, goal)


def rank(proposal: Proposal, before: float, goal: float = 0.0, cost: ProposalCost = latency) -> Rank:
    """Sort key of a proposal to a network that costs `before` and is to cost `goal`."""
    value = worth(cost(proposal), before, goal)
    return preference(proposal.loss_change, proposal.loss_change_ci95, value, proposal.name)


def by_preference(
    proposals: Sequence[Proposal], before: float, goal: float = 0.0, cost: ProposalCost = latency
) -> list[Proposal]:
    """Proposals, the preferred first."""
    return sorted(proposals, key=lambda proposal: rank(proposal, before, goal, cost))


def by_paper(proposals: Sequence[Proposal], before: float, cost: ProposalCost = latency) -> list[Proposal]:
    """Proposals, the one of the paper's best ratio first."""
    return sorted(proposals, key=lambda p: paper_preference(p.accuracy_change, before - cost(p), p.name))


def contested(
    ranked: Sequence[Proposal], before: float, goal: float = 0.0, cost: ProposalCost = latency
) -> list[Proposal]:
    """The leading proposals that more samples could put in another order; empty where the first leads clearly.

    Their loss per millisecond (or per parameter, …) is not told apart from the leader's, and not all of them are sure
    gains.
    """
    if not ranked:
        return []
    first, *others = ranked[:LEADING]
    rates = [_rate(one, before, goal, cost) for one in (first, *others)]
    rivals = [other for other, rate in zip(others, rates[1:], strict=True) if _overlap(rates[0], rate)]
    sure = all(one.loss_change_ci95[1] <= 0 for one in (first, *rivals))
    return [] if sure else [first, *rivals] if rivals else []


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _rate(proposal: Proposal, before: float, goal: float, cost: ProposalCost) -> tuple[float, float]:
    value = worth(cost(proposal), before, goal)
    low, high = proposal.loss_change_ci95
    return low / value, high / value
