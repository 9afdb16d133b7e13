"""How NetAdapt chooses among the proposals of a step: by tuning all of them, or cheaply."""

import math
from collections.abc import Mapping, Sequence
from typing import get_args

from msgspec import Struct

from nas.design.edit import Edit, Part, Together, changed
from nas.search.proposals import Proposed
from nas.search.records import Proposal
from nas.search.selection import Rank, by_paper, by_preference, contested, preference, rank
from nas.search.tuning import Look, Tuning

_TOGETHER = 6  # edits that are made at once, at most
_A_TIME = 8  # proposals that are looked at together
NEVER: Rank = (-math.inf, 0.0, "")  # of what was not looked at yet: it may be the best of all


class Choice(Struct, frozen=True):
    """Edits in the order in which they are to be tried, and all proposals with what is known of them by then."""

    edits: list[Edit]
    proposals: list[Proposal]


def reference(tuning: Tuning, proposed: Sequence[Proposed]) -> Choice:
    """All tuned alike, as published; those that lead and cannot be told apart a second time."""
    by_name, steps = _named(proposed), tuning.ctx.settings.steps
    looks = {name: [look] for name, look in tuning.tuned(proposed, steps).items()}
    found = _found(tuning, by_name, looks)
    ranked = _ranked(tuning, found)
    if tuning.ctx.settings.select == "paper":
        return Choice(_edits(ranked, by_name), list(found.values()))
    unsure = [_name(one) for one in contested(ranked, tuning.parent.predicted_ms)]
    for name, look in tuning.tuned([by_name[name] for name in unsure], steps, 1).items():
        looks[name].append(look)
    found = _found(tuning, by_name, looks)
    first = _ranked(tuning, {name: found[name] for name in unsure})
    others = [one for one in ranked if _name(one) not in unsure]
    return Choice(_edits([*first, *others], by_name), list(found.values()))


def cheap(tuning: Tuning, proposed: Sequence[Proposed], most_ms: float) -> Choice:
    """Looked at repaired and untrained, and only those that may lead; nothing is tuned but what is taken.

    Where together they may save `most_ms`, and that is more than one of them does, the best that do not touch each
    other are made at once.
    """
    by_name, paper = _named(proposed), tuning.ctx.settings.select == "paper"
    found = _leading(tuning, proposed, len(proposed) if paper else _TOGETHER if most_ms > 0 else 1)
    ranked = _ranked(tuning, found)
    several = together(tuning, [by_name[_name(one)] for one in ranked], most_ms)
    return Choice([*several, *_edits(ranked, by_name)], list(found.values()))


def _leading(tuning: Tuning, proposed: Sequence[Proposed], count: int) -> dict[str, Proposal]:
    """The proposals that are looked at, among which the `count` best are.

    A cut costs no less once others are made, so what it cost when it was last looked at is the least that it costs now:
    those that were then dearer than what now leads need not be looked at again (Minoux 1978, "Accelerated greedy").
    """
    by_name, before_ms = _named(proposed), tuning.parent.predicted_ms
    least = {one.edit.name: _least(tuning, one) for one in proposed}
    waiting = sorted(by_name, key=lambda name: least[name])
    found, ranks = dict[str, Proposal](), list[Rank]()
    now = sum(least[name] == NEVER for name in waiting) or _A_TIME
    while waiting and (len(found) < count or least[waiting[0]] < ranks[count - 1]):
        looks = tuning.screened([by_name[name] for name in waiting[:now]])
        found |= _found(tuning, by_name, {name: [look] for name, look in looks.items()})
        ranks = sorted(rank(one, before_ms) for one in found.values())
        waiting, now = waiting[now:], _A_TIME
    return found


def _least(tuning: Tuning, one: Proposed) -> Rank:
    """The rank that a proposal had with the cost at which its group was last looked at."""
    last = tuning.last(one.edit.name)
    if last is None:
        return NEVER
    proposal, then_ms = last
    saved_ms = tuning.parent.predicted_ms - one.predicted_ms
    share = saved_ms / (then_ms - proposal.predicted_ms)
    low, high = proposal.loss_change_ci95
    return preference(share * proposal.loss_change, (share * low, share * high), saved_ms, proposal.name)


def together(tuning: Tuning, ranked: Sequence[Proposed], most_ms: float) -> list[Together]:
    """The best edits of which no two change one op, as many as save no more than `most_ms`; none if that is one."""
    arch, before_ms = tuning.parent.architecture, tuning.parent.predicted_ms
    taken: list[Part] = []
    touched: frozenset[str] = frozenset()
    for one in ranked:
        if not isinstance(one.edit, get_args(Part)):
            continue
        ops, saved_ms = changed(arch, one.edit), before_ms - one.predicted_ms
        if saved_ms <= most_ms and not ops & touched and len(taken) < _TOGETHER:
            taken, touched, most_ms = [*taken, one.edit], touched | ops, most_ms - saved_ms
    return [Together(tuple(taken))] if len(taken) > 1 else []


def _named(proposed: Sequence[Proposed]) -> dict[str, Proposed]:
    return {one.edit.name: one for one in proposed}


def _name(one: Proposal) -> str:
    """Of the edit, as it is in the key."""
    return one.key.split("-", 2)[2]


def _edits(ranked: Sequence[Proposal], by_name: Mapping[str, Proposed]) -> list[Edit]:
    return [by_name[_name(one)].edit for one in ranked]


def _found(tuning: Tuning, by_name: Mapping[str, Proposed], looks: Mapping[str, Sequence[Look]]) -> dict[str, Proposal]:
    return {name: tuning.proposal(one, looks[name]) for name, one in by_name.items() if name in looks}


def _ranked(tuning: Tuning, found: Mapping[str, Proposal]) -> list[Proposal]:
    """The preferred first."""
    parent = tuning.parent
    if tuning.ctx.settings.select == "paper":
        return by_paper(list(found.values()), parent.predicted_ms, parent.score.accuracy)
    return by_preference(list(found.values()), parent.predicted_ms)
