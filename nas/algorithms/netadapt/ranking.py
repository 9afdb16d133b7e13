"""Which proposal NetAdapt takes: a rule that is defined for gains, for noise and for ties."""

from collections.abc import Sequence

from nas.algorithms.pipeline.records import Proposal

LEADING = 3  # proposals that may be looked at again

Rank = tuple[float, float, float, str]


def preference(loss_change: float, interval: tuple[float, float], worth_ms: float, name: str) -> Rank:
    """Sort key of a proposal, the smallest wins: least loss per millisecond saved.

    `worth_ms` are the milliseconds saved, or all that are still wanted where it saves more: those beyond the goal are
    worth nothing. The paper's ratio has no meaning where accuracy does not fall (of two gains the smaller cut would
    win). Where the paired interval includes zero or a gain, the cut counts as free, and of free cuts the one worth most
    wins, of these the one that loses least.
    """
    cost = loss_change / worth_ms if interval[0] > 0 else 0.0
    return (cost, -worth_ms, loss_change, name)


def paper_preference(accuracy_change: float, saved_ms: float, name: str) -> tuple[float, float, str]:
    """Sort key of a proposal by the paper's ratio, change of top-1 by milliseconds saved (section 4.2)."""
    return (-accuracy_change / saved_ms, -saved_ms, name)


def worth(predicted_ms: float, parent_ms: float, goal_ms: float) -> float:
    """The milliseconds that a network of `predicted_ms` saves, or all that are wanted where it saves more."""
    return parent_ms - max(predicted_ms, goal_ms)


def rank(proposal: Proposal, parent_ms: float, goal_ms: float = 0.0) -> Rank:
    """Sort key of a proposal to a network that takes `parent_ms` and is to take `goal_ms`."""
    worth_ms = worth(proposal.predicted_ms, parent_ms, goal_ms)
    return preference(proposal.loss_change, proposal.loss_change_ci95, worth_ms, proposal.name)


def by_preference(proposals: Sequence[Proposal], parent_ms: float, goal_ms: float = 0.0) -> list[Proposal]:
    """Proposals, the preferred first."""
    return sorted(proposals, key=lambda proposal: rank(proposal, parent_ms, goal_ms))


def by_paper(proposals: Sequence[Proposal], parent_ms: float) -> list[Proposal]:
    """Proposals, the one of the paper's best ratio first."""
    return sorted(proposals, key=lambda p: paper_preference(p.accuracy_change, parent_ms - p.predicted_ms, p.name))


def contested(ranked: Sequence[Proposal], parent_ms: float, goal_ms: float = 0.0) -> list[Proposal]:
    """The leading proposals that more samples could put in another order; empty where the first leads clearly.

    Their loss per millisecond is not told apart from the leader's, and not all of them are sure gains.
    """
    if not ranked:
        return []
    first, *others = ranked[:LEADING]
    rivals = [other for other in others if _overlap(first, other, parent_ms, goal_ms)]
    sure = all(one.loss_change_ci95[1] <= 0 for one in (first, *rivals))
    return [] if sure else [first, *rivals] if rivals else []


def _overlap(one: Proposal, other: Proposal, parent_ms: float, goal_ms: float) -> bool:
    (low, high), (least, most) = _rate(one, parent_ms, goal_ms), _rate(other, parent_ms, goal_ms)
    return low <= most and least <= high


def _rate(proposal: Proposal, parent_ms: float, goal_ms: float) -> tuple[float, float]:
    worth_ms = worth(proposal.predicted_ms, parent_ms, goal_ms)
    low, high = proposal.loss_change_ci95
    return low / worth_ms, high / worth_ms
