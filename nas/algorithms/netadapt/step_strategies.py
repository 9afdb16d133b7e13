"""How NetAdapt chooses among the proposals of a step: by tuning all of them, or cheaply."""

import math
from collections.abc import Mapping, Sequence
from typing import cast, get_args

from msgspec import Struct

from nas.algorithms.netadapt.proposal_evaluation import Look, Tuning
from nas.algorithms.netadapt.proposals import Proposed
from nas.algorithms.netadapt.ranking import Rank, by_paper, by_preference, contested, preference, rank, worth
from nas.algorithms.pipeline.records import Proposal
from nas.design.edits.edit import Edit, PartialEdit, Together, changed

_TOGETHER = 6  # edits that are made at once, at most
_COSTLIER = 2  # times the cost of one that waits, up to which others are made before it
_A_TIME = 8  # proposals that are looked at together
NEVER: Rank = (-math.inf, 0.0, 0.0, "")  # of what was not looked at yet: it may be the best of all
LAST: Rank = (math.inf, 0.0, 0.0, "")


class Room(Struct, frozen=True):
    """What edits that are made at once are to save together, and by how much they may save more, as the goal counts."""

    wanted: float
    over: float


class Choice(Struct, frozen=True):
    """Edits in the order in which they are to be tried, and all proposals with what is known of them by then."""

    edits: list[Edit]
    proposals: list[Proposal]


def reference(tuning: Tuning, proposed: Sequence[Proposed]) -> Choice:
    """All tuned alike, as published; those that lead and cannot be told apart a second time."""
    steps = tuning.ctx.settings.steps
    looks = {name: [look] for name, look in tuning.tuned(proposed, steps).items()}
    found = _found(tuning, proposed, looks)
    ranked = _ranked(tuning, found)
    if tuning.ctx.settings.select == "paper":
        return Choice(_edits(ranked), found)
    doubtful = contested(ranked, tuning.before, tuning.goal.limit, tuning.goal.cost)
    unsure = {edit.name for edit in _edits(doubtful)}
    again = [one for one in proposed if one.edit.name in unsure]
    for name, look in tuning.tuned(again, steps, 1).items():
        looks[name].append(look)
    first = _edits(_ranked(tuning, _found(tuning, again, looks)))
    others = [edit for edit in _edits(ranked) if edit.name not in unsure]
    return Choice([*first, *others], _found(tuning, proposed, looks))


def cheap(tuning: Tuning, proposed: Sequence[Proposed], room: Room) -> Choice:
    """Looked at repaired and untrained, and only those that may lead; nothing is tuned but what is taken.

    Where there is room for more than one of them, the best that do not touch each other are made at once.
    """
    found = _leading(tuning, proposed, room)
    ranked = _ranked(tuning, found)
    taken = cast(list[PartialEdit], _edits(together(tuning, ranked, room)))
    several = [Together(tuple(taken))] if len(taken) > 1 else []
    return Choice([*several, *_edits(ranked)], found)


def _leading(tuning: Tuning, proposed: Sequence[Proposed], room: Room) -> list[Proposal]:
    """The proposals that are looked at, among which those are that will be taken.

    A cut costs no less once others are made, so what it cost when it was last looked at is the least that it costs now:
    those that were then dearer than what is now taken need not be looked at again (Minoux 1978, "Accelerated greedy").
    The paper's ratio has no such bound, nor has a network that is trained between the steps.
    """
    settings = tuning.ctx.settings
    unbound = settings.select == "paper" or settings.steps > 0
    least = {one.edit.name: NEVER if unbound else _least(tuning, one) for one in proposed}
    waiting = sorted(proposed, key=lambda one: least[one.edit.name])
    smallest = min(tuning.saved(one) for one in proposed)
    found: list[Proposal] = []
    now = sum(rank == NEVER for rank in least.values()) or _A_TIME
    while waiting and least[waiting[0].edit.name] < _bound(tuning, found, room, smallest):
        looks = tuning.screened(waiting[:now])
        found += _found(tuning, waiting[:now], {name: [look] for name, look in looks.items()})
        waiting, now = waiting[now:], _A_TIME
    return found


def _bound(tuning: Tuning, found: Sequence[Proposal], room: Room, smallest: float) -> Rank:
    """The rank from which on a proposal changes nothing: that of the last that is made, where no more have room."""
    ranked = _ranked(tuning, found)
    if not ranked:
        return LAST
    taken, most = gathered(tuning, ranked, room)
    left = room.wanted - sum(tuning.saved(one) for one in taken)
    if taken and len(taken) < _TOGETHER and left > 0 and left + room.over >= smallest:
        return most, math.inf, math.inf, ""
    last = taken[-1] if taken else ranked[0]
    return _rank(tuning, last)


def _least(tuning: Tuning, one: Proposed) -> Rank:
    """The best rank that a proposal may have after what its group cost when it was last looked at.

    The more channels are cut, the more each of them costs, up to in proportion.
    """
    last = tuning.last(one.edit.name)
    if last is None:
        return NEVER
    proposal, then = last
    saved_then = then - tuning.goal.cost(proposal)
    if saved_then <= 0:  # it was looked at for something else that it saves
        return NEVER
    share = tuning.saved(one) / saved_then
    low, high = proposal.loss_change_ci95
    scale = share * min(share, 1.0)
    value = worth(tuning.goal.cost(one), tuning.before, tuning.goal.limit)
    return preference(scale * proposal.loss_change, (scale * low, scale * high), value, proposal.name)


def together(tuning: Tuning, ranked: Sequence[Proposal], room: Room) -> list[Proposal]:
    """The best proposals of which no two change one op, as many as there is room for; see `gathered`."""
    return gathered(tuning, ranked, room)[0]


def gathered(tuning: Tuning, ranked: Sequence[Proposal], room: Room) -> tuple[list[Proposal], float]:
    """The proposals to make at once, and the loss per millisecond (or per parameter, …) up to which others might be.

    One that has no room, or removes a block, waits for a step of its own: what costs much more than it is not made
    before it. None are made at once where the very best is such a one: it is to be made, alone.
    """
    taken: list[Proposal] = []
    touched, left, most = frozenset[str](), room.wanted, math.inf
    for one in ranked:
        cost = _rank(tuning, one)[0]
        if left <= 0 or len(taken) == _TOGETHER or cost > most:
            continue
        saved = tuning.saved(one)
        if not isinstance(one.edit, get_args(PartialEdit)) or saved > left + room.over:
            most = min(most, _COSTLIER * cost)
            continue
        ops = changed(tuning.parent.architecture, one.edit)
        if not ops & touched:
            taken, touched, left = [*taken, one], touched | ops, left - saved
    return (taken, most) if taken and taken[0] is ranked[0] else ([], most)


def _rank(tuning: Tuning, one: Proposal) -> Rank:
    return rank(one, tuning.before, tuning.goal.limit, tuning.goal.cost)


def _edits(proposals: Sequence[Proposal]) -> list[Edit]:
    return [one.edit for one in proposals if one.edit is not None]


def _found(tuning: Tuning, proposed: Sequence[Proposed], looks: Mapping[str, Sequence[Look]]) -> list[Proposal]:
    """What is known of those proposals that left a network."""
    return [tuning.proposal(one, looks[one.edit.name]) for one in proposed if one.edit.name in looks]


def _ranked(tuning: Tuning, found: Sequence[Proposal]) -> list[Proposal]:
    """The preferred first."""
    if tuning.ctx.settings.select == "paper":
        return by_paper(found, tuning.before, tuning.goal.cost)
    return by_preference(found, tuning.before, tuning.goal.limit, tuning.goal.cost)
