"""What a clock says: quantiles, count and spread, never a bare mean. All times are milliseconds."""

from typing import Literal

from msgspec import Struct

from nas.latency.statistic import describe_statistic

TimingSource = Literal["isolated", "network", "interpolated", "imported"]


def settle(measured_ms: float, nominal_ms: float | None) -> float:
    """Return milliseconds at the speed of the table, which no slow moment moves; without a table, as measured."""
    return measured_ms if nominal_ms is None else nominal_ms


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
    source: TimingSource = "isolated"
    uncertainty: float = 0.0


class Measurement(Struct, frozen=True):
    """A whole network by the clock, batch 1.

    `measured_ms` is the headline as any caller could repeat it now; `nominal_ms` is the same at the speed that the
    device had while its table was built (None without a table): what a table predicts and what decides. `statistic`
    says in words what both are. `slowdown` is how many times longer the reference took now than in the table, `moving`
    the middle 80 % of its times over their median: how much the device's speed moved meanwhile. `floor_ms` is the
    repeatability: half the distance between separate rounds, freed of that movement. `contended` says that too few runs
    were undisturbed. The middle 80 % of the runs that count are between `p10_ms` and `p90_ms`.
    """

    runtime: str
    measured_ms: float
    p10_ms: float
    p90_ms: float
    runs: int
    contended: bool
    floor_ms: float
    nominal_ms: float | None = None
    slowdown: float | None = None
    moving: float = 0.0
    statistic: str = describe_statistic()

    @property
    def settled_ms(self) -> float:
        """Milliseconds at the speed of the table: what networks that were timed at different moments compare by."""
        return settle(self.measured_ms, self.nominal_ms)

    def is_late_only_now(self, target_ms: float) -> bool:
        """Whether only the device's present speed takes the network above a target."""
        return self.settled_ms <= target_ms < self.measured_ms

    @property
    def settled_floor_ms(self) -> float:
        """The repeatability of `settled_ms`."""
        return self.floor_ms * self.settled_ms / self.measured_ms


class PricedPart(Struct, frozen=True):
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
    parts: tuple[PricedPart, ...]
    interpolated: int = 0
