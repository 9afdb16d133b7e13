"""Times and counts as people write them. Inside the house a time is a float in milliseconds, its name ends in `_ms`."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal

from nas.errors import NasError

_IN_MS = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3}
_TIME = re.compile(r"([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(us|µs|ms|s)")


def parse_ms(text: str) -> float:
    """Milliseconds of a written time; raises NasError where it is no time above zero.

    >>> parse_ms("15ms"), parse_ms("0.015s"), parse_ms("800us")
    (15.0, 15.0, 0.8)
    """
    return _quantity(text, _TIME, _IN_MS, "time", "15ms, 0.015s or 800us")


def parse_targets(text: str) -> tuple[float, ...]:
    """Milliseconds of one written time or several with commas between, rising; of those told alike one.

    >>> parse_targets("10ms,8ms, 0.01s, 10.000001ms")
    (8.0, 10.0)
    """
    asked = sorted((parse_ms(part) for part in text.split(",")), reverse=True)
    return tuple(sorted({f"{ms:g}": ms for ms in asked}.values()))


def told_ms(ms: float) -> str:
    """Milliseconds as a message tells them: two decimals, and of small ones three digits.

    >>> told_ms(14.583), told_ms(0.06591)
    ('14.58', '0.0659')
    """
    return f"{ms:.2f}" if ms >= 1 else f"{ms:.3g}"


_IN_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]*\.?[0-9]+)\s*(s|m|min|h)")


def parse_s(text: str) -> float:
    """Seconds of a written duration; raises NasError where it is none above zero.

    >>> parse_s("90s"), parse_s("30m"), parse_s("1.5h")
    (90.0, 1800.0, 5400.0)
    """
    return _quantity(text, _DURATION, _IN_S, "duration", "90s, 30m or 1.5h")


def _quantity(text: str, pattern: re.Pattern[str], units: Mapping[str, float], kind: str, examples: str) -> float:
    """A number times its unit; raises NasError where that is nothing above zero."""
    found = pattern.fullmatch(text.strip())
    value = float(found[1]) * units[found[2]] if found else math.nan
    if not (math.isfinite(value) and value > 0):
        raise NasError(f"{text!r} is no {kind} above zero: write it with its unit, like {examples}.")
    return value


def told_s(seconds: float) -> str:
    """A duration as a message tells it.

    >>> told_s(38.4), told_s(276), told_s(9000)
    ('38 s', '4.6 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


_IN_ONES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
_COUNT = re.compile(r"([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]{1,3})?)\s*([kKMG]?)")


def parse_count(text: str) -> int:
    """Return the whole number that a text like 2.5M stands for, rounded down; raises NasError if it is below 1.

    >>> parse_count("2.5M"), parse_count("300M"), parse_count("1.2G"), parse_count("800k"), parse_count("2500000")
    (2500000, 300000000, 1200000000, 800000, 2500000)
    """
    found = _COUNT.fullmatch(text.strip())
    value = int(Decimal(found[1]) * _IN_ONES[found[2]]) if found else 0
    if not 1 <= value <= 10**18:
        raise NasError(f"{text!r} is no number from 1 to 10^18: write it like 2500000, 2.5M, 300M or 1.2G.")
    return value


def describe_count(value: float) -> str:
    """Return a number in words, with all of its digits.

    >>> describe_count(2_500_000), describe_count(0.25)
    ('2,500,000', '0.25')
    """
    return f"{value:,.15g}"
