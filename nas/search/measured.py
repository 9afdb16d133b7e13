"""Whole networks by the clock, each measured once in a run."""

from collections.abc import Sequence

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.latency.timing import Measurement
from nas.search.context import Context
from nas.search.records import Measured


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
