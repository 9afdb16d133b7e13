"""What a clock says: quantiles, count and spread, never a bare mean. All times are milliseconds."""

from typing import Literal

from msgspec import Struct

Source = Literal["isolated", "network", "interpolated", "imported"]


class Timing(Struct, frozen=True):
    """The timing of one table entry, at the reference network's nominal speed.

    `source` says how it came about: timed alone, inside whole networks, from two measured neighbours, or on another
    device. `uncertainty` is relative; it is what an interpolated one may be off by.
    """

    ms: float
    p10_ms: float
    p90_ms: float
    runs: int
    rounds: int
    source: Source = "isolated"
    uncertainty: float = 0.0


class Measurement(Struct, frozen=True):
    """A whole network by the clock, batch 1.

    `measured_ms` is the headline as any caller could repeat it now; `nominal_ms` is the same at the speed the
    machine had while its table was built (None without a table). `floor_ms` is the repeatability: half the
    distance between the headlines of separate rounds. `contended` says that too few runs were undisturbed
    and the headline is a low quantile of thread CPU time.
    """

    runtime: str
    measured_ms: float
    p10_ms: float
    p90_ms: float
    runs: int
    contended: bool
    floor_ms: float
    nominal_ms: float | None = None

    @property
    def worst_ms(self) -> float:
        """The larger of what the clock says now and of the same at the speed the table was measured at."""
        return max(self.measured_ms, self.nominal_ms or 0.0)


class Part(Struct, frozen=True):
    """One priced piece of a network: its key in the table and its share of the estimate."""

    name: str
    key: str
    params: int
    macs: int
    ms: float


class Estimate(Struct, frozen=True):
    """A network's latency from a table.

    The bound is the table's own 90 % error on held-out networks, and what the `interpolated` ones of its parts may
    be off by.
    """

    ms: float
    error_bound_ms: float
    parts: tuple[Part, ...]
    interpolated: int = 0
