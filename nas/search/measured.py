"""Whole networks by the clock, each measured once in a run; and patience with a machine that is slow for a while."""

from collections.abc import Sequence

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.latency.timing import Measurement
from nas.search.context import Context
from nas.search.records import Measured, Paused
from nas.units import told_ms

# A neighbour on the same processor may slow it by 10 to 40 % for minutes; a board that is hot cools down.
_PAUSE_S = 40.0


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


def slow_now(ctx: Context, found: Measurement, margin_ms: float = 0.0) -> bool:
    """Whether a network is above the target by the clock, but below it, by a margin, at the speed of its table."""
    target_ms = ctx.settings.target_ms
    return found.nominal_ms is not None and found.nominal_ms + margin_ms <= target_ms < found.measured_ms


def wait(ctx: Context, key: str, found: Measurement) -> None:
    """Give a machine that is slow now some time, once for each key.

    The journal keeps that a pause has begun. If the run is killed in it, the resumed run does not pause again: also a
    run that is killed in every pause must end.
    """
    if ctx.journal.find(Paused, key) is not None:
        return
    ctx.journal.add(Paused(key, _PAUSE_S))
    ctx.say(
        f"{told_ms(found.measured_ms)} ms measured, but {told_ms(found.nominal_ms or 0.0)} ms at the speed that the "
        f"table was measured at: the machine is slow at the moment. Its clock is asked again in {_PAUSE_S:g} s."
    )
    ctx.pause(_PAUSE_S)
