"""What NetAdapt may do next: of every group of channels the widest cut that is worth its step."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from nas.algorithms.budgets import Budget
from nas.algorithms.pipeline.context import ProposalKinds
from nas.design.architecture import MIN_WIDTH, Architecture
from nas.design.edits.edit import Cut, Edit, Narrow, apply, cuts, edited, end_cuts, width_of
from nas.design.edits.keep import leaves
from nas.design.edits.resize import Resize, find_largest, least_resolution, resolutions_below
from nas.design.edits.simplify import Simplification, simpler, simplified
from nas.design.graph import lower
from nas.design.size import shorter_side
from nas.interfaces import LatencyModel
from nas.latency.prediction.entry import entries
from nas.latency.timing import Estimate

_LOOK = 4  # neighbouring widths that are priced together; no kernel's blocks of channels come round more rarely
LEAST_WIDTH = 8


class Proposed(Struct, frozen=True):
    """A proposal before it is tuned: the edit, the network it leaves and its predicted latency."""

    edit: Edit
    architecture: Architecture
    predicted_ms: float


class _Group(Struct, frozen=True):
    """A group of channels, its candidate widths, widest first, and the prices of the network with some of them."""

    cut: Cut
    widths: tuple[int, ...]
    prices: dict[int, Estimate]


def propose(
    arch: Architecture,
    limit_ms: float,
    prices: LatencyModel,
    kinds: ProposalKinds = "channels",
    noise: float = 0.0,
    resize: bool = False,
    keep: Sequence[str] = (),
) -> list[Proposed]:
    """For every group of channels the widest cut predicted within `limit_ms` at the fast end of its latency plateau.

    Each width is priced by its own measured entries. A width that is not faster than a wider one, beyond the table's
    relative `noise`, is passed over: off the grid of the runtime's kernels, or on the same step of a staircase, fewer
    channels buy nothing. Few widths are priced, near where the limit is expected: the widest is the one before which
    none of four neighbours reaches it. Groups that cannot reach the limit make no proposal. With kinds "all" the
    stem, the head and what can be simplified in a block are proposed too; with `resize` the largest resolution that
    reaches the limit. Nothing changes parts to `keep`. In the order of their names.
    """
    before = prices(arch)
    groups = [_Group(cut, (*widths_below(width_of(arch, cut)),), {}) for cut in _groups(arch, kinds, keep)]
    found = [] if kinds == "channels" else _simplified(arch, before, limit_ms, prices, noise, keep)
    found += _resized(arch, before, limit_ms, prices) if resize else []
    while looks := [
        (group, width, apply(arch, group.cut, width))
        for group in groups
        for width in _wanted(arch, group, before, limit_ms, noise)
    ]:
        prices.ensure(narrow for _, _, narrow in looks)
        for group, width, narrow in looks:
            group.prices[width] = prices(narrow)
    for group in groups:
        reaching = _reaching(group, before, limit_ms, noise)
        if reaching is not None:
            narrow = apply(arch, group.cut, reaching)
            found.append(Proposed(Narrow(group.cut, reaching), narrow, group.prices[reaching].ms))
    return sorted(found, key=lambda proposed: proposed.edit.name)


def propose_within(
    arch: Architecture,
    limit: float,
    budget: Budget,
    prices: LatencyModel,
    kinds: ProposalKinds = "channels",
    resize: bool = False,
    keep: Sequence[str] = (),
) -> list[Proposed]:
    """For every group of channels the widest cut that takes at most `limit` of a budget, and less than the network.

    With what can be simplified and the largest resolution, and in the order of their names, as in `propose`. Latency
    decides nothing here: it may even rise a little.
    """
    before, found = budget.cost(arch), []
    for edits in _candidates(arch, kinds, resize, keep):
        changed = ((edit, edited(arch, edit)) for edit in edits)
        costs = ((edit, small, budget.cost(small)) for edit, small in changed)
        reaching = ((edit, small) for edit, small, cost in costs if cost <= limit and cost < before)
        found += list(islice(reaching, 1))
    prices.ensure(small for _, small in found)
    return sorted((Proposed(edit, small, prices(small).ms) for edit, small in found), key=lambda one: one.edit.name)


def _candidates(arch: Architecture, kinds: ProposalKinds, resize: bool, keep: Sequence[str]) -> Iterator[list[Edit]]:
    """What may be done to each group of channels, each block and the resolution, the least change first."""
    for cut in _groups(arch, kinds, keep):
        yield [Narrow(cut, width) for width in widths_below(width_of(arch, cut))]
    for change in _simpler(arch, keep) if kinds == "all" else ():
        yield [change]
    if resize:
        yield [Resize(side) for side in resolutions_below(arch.resolution)]


def narrowest(
    arch: Architecture, kinds: ProposalKinds = "channels", resize: bool = False, keep: Sequence[str] = ()
) -> Architecture:
    """Where NetAdapt would end: every width that it may cut at its minimum, all that it may simplify simple."""
    if resize:
        arch = replace(arch, resolution=least_resolution(arch.resolution))
    while kinds == "all" and (changes := _simpler(arch, keep)):
        arch = simplified(arch, changes[0])
    for cut in _groups(arch, kinds, keep):
        if width_of(arch, cut) > LEAST_WIDTH:
            arch = apply(arch, cut, LEAST_WIDTH)
    return arch


def _groups(arch: Architecture, kinds: ProposalKinds, keep: Sequence[str]) -> list[Cut]:
    found = cuts(arch) if kinds == "channels" else (*cuts(arch), *end_cuts(arch))
    return [cut for cut in found if not keep or leaves(arch, Narrow(cut, MIN_WIDTH), keep)]


def _simpler(arch: Architecture, keep: Sequence[str]) -> list[Simplification]:
    return [change for change in simpler(arch) if leaves(arch, change, keep)]


def widths_below(width: int) -> Iterator[int]:
    """Candidate widths, widest first: multiples of 8 for narrow layers, of 16 and 32 for wide ones."""
    grid = 8 if width <= 128 else 16 if width <= 512 else 32
    yield from range((width - 1) // grid * grid, LEAST_WIDTH - 1, -grid)


def faster(new: Estimate, old: Estimate, noise: float) -> bool:
    """Whether a price is lower by more than the noise of those parts of the old one that the new one has not."""
    return old.ms - new.ms > noise * _lost_ms(old, (part.key for part in new.parts))


def _lost_ms(old: Estimate, kept: Iterable[str]) -> float:
    """The time of those parts that are not, or not as often, among the kept keys."""
    left, lost_ms = Counter(kept), 0.0
    for part in old.parts:
        if left[part.key] > 0:
            left[part.key] -= 1
        else:
            lost_ms += part.ms
    return lost_ms


def _reaching(group: _Group, before: Estimate, limit_ms: float, noise: float) -> int | None:
    """The widest of the priced widths that is within the limit and faster than all wider ones."""
    edge = before
    for width in sorted(group.prices, reverse=True):
        price = group.prices[width]
        if faster(price, edge, noise):
            edge = price
            if price.ms <= limit_ms:
                return width
    return None


def _wanted(arch: Architecture, group: _Group, before: Estimate, limit_ms: float, noise: float) -> tuple[int, ...]:
    """Widths to price next: the neighbours before the one that reaches the limit, else narrower ones; then none."""
    reaching, count = _reaching(group, before, limit_ms, noise), len(group.widths)
    if reaching is not None:
        end = group.widths.index(reaching)
        wider = group.widths[max(0, end - _LOOK) : end]
        return tuple(width for width in wider if width not in group.prices)
    first = group.widths.index(min(group.prices)) + 1 if group.prices else 0
    guess = _guess(arch, group, before, limit_ms)
    nearest = next((number for number in range(first, count) if group.widths[number] <= guess), count)
    first = max(first, min(nearest - 1, count - _LOOK))
    return group.widths[first : first + _LOOK]


def _guess(arch: Architecture, group: _Group, before: Estimate, limit_ms: float) -> float:
    """The width that would reach the limit if what it saves were in proportion."""
    if not group.widths:
        return 0.0
    whole = width_of(arch, group.cut)
    if group.prices:
        narrow = min(group.prices)
        saved_ms = before.ms - group.prices[narrow].ms
        share = (whole - narrow) / whole
    else:
        least = lower(apply(arch, group.cut, group.widths[-1]))
        saved_ms, share = _lost_ms(before, (entry.key for entry in entries(least))), 1.0
    return whole * (1 - share * (before.ms - limit_ms) / saved_ms) if saved_ms > 0 else 0.0


def _simplified(
    arch: Architecture, before: Estimate, limit_ms: float, prices: LatencyModel, noise: float, keep: Sequence[str]
) -> list[Proposed]:
    """Changes without a width that reach the limit."""
    changed = [(change, simplified(arch, change)) for change in _simpler(arch, keep)]
    prices.ensure(simple for _, simple in changed)
    priced = [(change, simple, prices(simple)) for change, simple in changed]
    return [
        Proposed(change, simple, price.ms)
        for change, simple, price in priced
        if price.ms <= limit_ms and faster(price, before, noise)
    ]


def _resized(arch: Architecture, before: Estimate, limit_ms: float, prices: LatencyModel) -> list[Proposed]:
    """The largest resolution that reaches the limit, if there is one.

    Latency grows about as the number of pixels does, so that says where to begin; each try is a whole network that the
    table may have to measure.
    """
    sides = resolutions_below(arch.resolution)
    guess = shorter_side(arch.resolution) * math.sqrt(limit_ms / before.ms)
    best = find_largest(sides, guess, lambda side: prices(replace(arch, resolution=side)).ms <= limit_ms)
    if best is None:
        return []
    smaller = replace(arch, resolution=best)
    return [Proposed(Resize(best), smaller, prices(smaller).ms)]
