"""What NetAdapt may do next: of every group of channels the widest cut that is worth its step."""

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.design.edit import Cut, Edit, Narrow, apply, cuts, end_cuts, width_of
from nas.design.simplify import simpler, simplified
from nas.latency.timing import Estimate
from nas.search.context import ProposalKinds
from nas.search.ports import Prices

_LOOK = 4  # candidate widths priced together for every group
MIN_WIDTH = 8


class Proposed(Struct, frozen=True):
    """A proposal before it is tuned: the edit, the network it leaves and its predicted latency."""

    edit: Edit
    architecture: Architecture
    predicted_ms: float


class _Descent(Struct):
    """A group of channels on its way down: the last edge of a plateau, and the widths still to be looked at."""

    cut: Cut
    edge: Estimate
    widths: list[int]


def propose(
    arch: Architecture, limit_ms: float, prices: Prices, kinds: ProposalKinds = "channels", noise: float = 0.0
) -> list[Proposed]:
    """For every group of channels the widest cut predicted within `limit_ms` at the fast end of its latency plateau.

    Each width is priced by its own measured entries. A width that is not faster than a wider one, beyond the table's
    relative `noise`, is passed over: off the grid of the runtime's kernels, or on the same step of a staircase, fewer
    channels buy nothing. Groups that cannot reach the limit make no proposal. With kinds "all" the stem, the head
    and what can be simplified in a block are proposed too. In the order of their names.
    """
    before = prices(arch)
    waiting = [_Descent(cut, before, list(widths_below(width_of(arch, cut)))) for cut in _groups(arch, kinds)]
    found = [] if kinds == "channels" else _simplified(arch, before, limit_ms, prices, noise)
    while waiting:
        looks = [[(width, apply(arch, one.cut, width)) for width in one.widths[:_LOOK]] for one in waiting]
        prices.ensure(narrow for look in looks for _, narrow in look)
        edges = [_edge(one, look, limit_ms, prices, noise) for one, look in zip(waiting, looks, strict=True)]
        found += [edge for edge in edges if edge is not None]
        waiting = [one for one, edge in zip(waiting, edges, strict=True) if edge is None and len(one.widths) > _LOOK]
        for one in waiting:
            one.widths = one.widths[_LOOK:]
    return sorted(found, key=lambda proposed: proposed.edit.name)


def narrowest(arch: Architecture, kinds: ProposalKinds = "channels") -> Architecture:
    """Where NetAdapt would end: every width that it may cut at its minimum, all that it may simplify simple."""
    while kinds == "all" and (changes := simpler(arch)):
        arch = simplified(arch, changes[0])
    for cut in _groups(arch, kinds):
        if width_of(arch, cut) > MIN_WIDTH:
            arch = apply(arch, cut, MIN_WIDTH)
    return arch


def _groups(arch: Architecture, kinds: ProposalKinds) -> tuple[Cut, ...]:
    return cuts(arch) if kinds == "channels" else (*cuts(arch), *end_cuts(arch))


def widths_below(width: int) -> Iterator[int]:
    """Candidate widths, widest first: multiples of 8 for narrow layers, of 16 and 32 for wide ones."""
    grid = 8 if width <= 128 else 16 if width <= 512 else 32
    yield from range((width - 1) // grid * grid, MIN_WIDTH - 1, -grid)


def faster(new: Estimate, old: Estimate, noise: float) -> bool:
    """Whether a price is lower by more than the noise of those parts of the old one that the new one has not."""
    kept = Counter(part.key for part in new.parts)
    lost_ms = 0.0
    for part in old.parts:
        if kept[part.key] > 0:
            kept[part.key] -= 1
        else:
            lost_ms += part.ms
    return old.ms - new.ms > noise * lost_ms


def _edge(
    one: _Descent, look: list[tuple[int, Architecture]], limit_ms: float, prices: Prices, noise: float
) -> Proposed | None:
    """The first edge within the limit; moves the descent's own edge along."""
    for width, arch in look:
        price = prices(arch)
        if faster(price, one.edge, noise):
            one.edge = price
            if price.ms <= limit_ms:
                return Proposed(Narrow(one.cut, width), arch, price.ms)
    return None


def _simplified(arch: Architecture, before: Estimate, limit_ms: float, prices: Prices, noise: float) -> list[Proposed]:
    """Changes without a width that reach the limit."""
    changed = [(change, simplified(arch, change)) for change in simpler(arch)]
    prices.ensure(simple for _, simple in changed)
    priced = [(change, simple, prices(simple)) for change, simple in changed]
    return [
        Proposed(change, simple, price.ms)
        for change, simple, price in priced
        if price.ms <= limit_ms and faster(price, before, noise)
    ]
