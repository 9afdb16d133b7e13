"""Whether a table still holds: its anchors timed again, and what is known of the device's present speed."""

import statistics
from collections.abc import Sequence

from msgspec import Struct

from nas.latency.fingerprint import Anchor

# A device this much faster or slower than its table says is the same.
_SAME = 0.10
# Anchors agree up to this, or up to so many times what single rounds differ by where that is more: the medians of a
# few rounds differ by about the floor from one occasion to the next, and one anchor in several may by twice that.
_AGREE, _FLOORS = 0.05, 3.0
# Cores that others may keep busy before the device counts as busy, and by how much wider anchors may then be off.
_BUSY, _WHILE_BUSY = 0.3, 2.0


class Same(Struct, frozen=True, tag=True):
    """The table holds. `note` is a sentence on the device's present speed, if that is not what it was."""

    note: str | None = None


class Rebuild(Struct, frozen=True, tag=True):
    """The table does not hold."""

    reason: str


Decision = Same | Rebuild


class Glance(Struct, frozen=True):
    """What a few seconds of anchors say: each one's time over the reference's, the reference's own over the table's.

    `busy` is how many cores other programs kept busy meanwhile, `contended` whether they took this program's core away.
    """

    anchors: tuple[Anchor, ...]
    slowdown: float
    busy: float = 0.0
    contended: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether other programs run that may slow this one."""
        return self.contended or self.busy > _BUSY


def decide(then: Sequence[Anchor], glances: Sequence[Glance], floor: float) -> Decision:
    """Whether a table still holds, from its anchors and a glance at them, or several if the first was unlike the table.

    It holds if the ratio to the reference of every anchor agrees, in some glance, within three times the repeatability
    `floor`, at least 5 %, and twice that while the device is busy: a burst hits one anchor or another, a device that
    has changed is unlike its table each time.
    The speed of the device never changes a price: a neighbour may slow it for minutes. What is known of the reason is
    said.
    """
    reason = _disagreement(then, _calmest(then, glances), floor)
    return Rebuild(reason) if reason else Same(_describe_speed(glances))


def _calmest(then: Sequence[Anchor], glances: Sequence[Glance]) -> Glance:
    """All glances as one: of every anchor the ratio that is most like the table's."""
    before = {anchor.key: anchor.ratio for anchor in then}
    by_key: dict[str, Anchor] = {}
    for anchor in (anchor for one in glances for anchor in one.anchors if anchor.key in before):
        known = by_key.get(anchor.key, anchor)
        by_key[anchor.key] = min(known, anchor, key=lambda one: abs(one.ratio / before[one.key] - 1))
    return Glance(
        anchors=tuple(by_key.values()),
        slowdown=glances[-1].slowdown,
        busy=max(one.busy for one in glances),
        contended=any(one.contended for one in glances),
    )


def is_usual(glance: Glance, then: Sequence[Anchor], floor: float) -> bool:
    """Whether one glance is enough: ratios and speed are those of the table."""
    return _disagreement(then, glance, floor) is None and _is_same(glance.slowdown)


def _is_same(slowdown: float) -> bool:
    return abs(slowdown - 1) <= _SAME


def _disagreement(then: Sequence[Anchor], glance: Glance, floor: float) -> str | None:
    """Why the anchors are not those of the table; None if they are."""
    before = {anchor.key: anchor.ratio for anchor in then}
    changes = {anchor.key: anchor.ratio / before[anchor.key] - 1 for anchor in glance.anchors if anchor.key in before}
    if not changes:
        return "it shares no anchor with what was timed now, so nothing shows that it is of this machine"
    bound = max(_AGREE, _FLOORS * floor) * (_WHILE_BUSY if glance.is_busy else 1)
    worst = max(changes, key=lambda key: abs(changes[key]))
    if abs(changes[worst]) <= bound:
        return None
    return (
        f"{worst} takes {changes[worst]:+.1%} of the reference's time against then, beyond the {bound:.0%} that "
        f"are noise (median of {len(changes)} anchors {statistics.median(changes.values()):+.1%})"
    )


def _describe_speed(glances: Sequence[Glance]) -> str | None:
    """A sentence on why the device is not as fast as its table, None if it is."""
    first, last = glances[0].slowdown, glances[-1].slowdown
    if _is_same(first):
        return None
    if _is_same(last):
        return f"The device took {first:.2f} times as long as its table says for a moment, and does no longer."
    if any(one.is_busy for one in glances):
        busy = max(one.busy for one in glances)
        others = f"keep {busy:.1f} cores busy" if busy > _BUSY else "take its core away"
        return (
            f"The device takes {last:.2f} times as long as its table says while other programs {others}. "
            "Prices stay at the table's speed."
        )
    if abs(last / first - 1) > _SAME / 2:
        return (
            f"The device takes {first:.2f}, then {last:.2f} times as long as its table says, and nothing else can be "
            "seen to run on it: its speed moves, as on a shared host. Prices stay at the table's speed."
        )
    return (
        f"The device takes {last:.2f} times as long as its table says, twice and with nothing else running: it has "
        "changed (power mode, frequency, host). Prices stay at the table's speed; if this lasts, build the table again "
        "with 'nas table build'."
    )
