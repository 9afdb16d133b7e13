"""The statistic that a latency is: the median of undisturbed runs, unless a target names a quantile of all runs."""

from typing import Literal

LatencyName = Literal["p50", "p90", "p99"]
# The share of runs that take no longer.
SHARES: dict[LatencyName, float] = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
USUAL_SPEED = "at the speed that the device usually has"
# What tables up to version 3 hold.
OLD = "lower quartile of CPU time, at the speed of the device's fastest fifth"


def describe_statistic(latency: LatencyName = "p50", contended: bool = False) -> str:
    """Say in words which runs of a network its latency is the figure of.

    >>> describe_statistic("p99")
    '99 % quantile of the wall time of all runs'
    """
    if latency != "p50":
        return f"{100 * SHARES[latency]:g} % quantile of the wall time of all runs"
    return "median CPU time of all runs" if contended else "median wall time of undisturbed runs"


def describe_usual(latency: LatencyName = "p50") -> str:
    """Say the same of a number of a table."""
    return f"{describe_statistic(latency)}, {USUAL_SPEED}"


def describe_speed(slowdown: float, moving: float) -> str:
    """Say how fast a device is against its table.

    >>> describe_speed(1.17, 0.2)
    '1.17 times slower than when the table was built, moving by 20 % within this measurement'
    """
    if abs(slowdown - 1) < 0.005:
        how = "as fast as"
    else:
        how = f"{max(slowdown, 1 / slowdown):.2f} times {'slower' if slowdown > 1 else 'faster'} than"
    return f"{how} when the table was built, moving by {100 * moving:.0f} % within this measurement"
