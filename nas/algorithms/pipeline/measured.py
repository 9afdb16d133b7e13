"""Whole networks by the clock, each measured once in a run; and patience with a device that is slow for a while."""

import math
from collections.abc import Sequence

from msgspec import Struct

from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Measured, Paused
from nas.design.architecture import Architecture
from nas.latency.timing import Measurement
from nas.units import told_ms, told_s

# A neighbour on the same processor may slow it by 10 to 40 % for minutes; a board that is hot cools down.
_PAUSE_S = 40.0
# Of a budget of time, that a pause takes at most.
_PART = 0.03
_KEY = "slow"


class Wanted(Struct, frozen=True):
    """A network to measure, and the key under which the journal keeps what the clock said."""

    key: str
    architecture: Architecture
    predicted_ms: float


def measure_once(ctx: Context, wanted: Sequence[Wanted]) -> list[Measurement]:
    """What the clock says of each network, in turns; what the journal has is not measured again."""
    if any(ctx.journal.find(Measured, one.key) is None for one in wanted):
        timed = ctx.ships.measure([one.architecture for one in wanted])
        ctx.journal.add(
            *(
                Measured(one.key, one.architecture, one.predicted_ms, found)
                for one, found in zip(wanted, timed, strict=True)
            )
        )
    kept = [ctx.journal.find(Measured, one.key) for one in wanted]
    return [found.measurement for found in kept if found is not None]


def wait_if_slow(ctx: Context, found: Measurement) -> bool:
    """Give a device some time that is above the target now and not at the speed of its table; whether to ask it again.

    It is given time once in a run, a small part of a budget at most. The journal keeps that the pause has begun: a run
    that is killed in it does not pause again when it is resumed, and ends.
    """
    if not found.is_late_only_now(ctx.settings.target_ms):
        return False
    if ctx.journal.find(Paused, _KEY) is None:
        seconds = min(_PAUSE_S, _PART * (ctx.settings.budget_s or math.inf))
        ctx.journal.add(Paused(_KEY, seconds))
        ctx.say(
            f"{told_ms(found.measured_ms)} ms measured, but {told_ms(found.settled_ms)} ms at the speed that the table "
            f"was measured at: the device is slow at the moment. Its clock is asked again in {told_s(seconds)}."
        )
        ctx.pause(seconds)
    return True
