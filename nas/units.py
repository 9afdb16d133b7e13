"""Times as people write them. Inside the house a time is a float in milliseconds, its name ends in `_ms`."""

import math
import re

from nas.errors import NasError

_IN_MS = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3}
_TIME = re.compile(r"([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(us|µs|ms|s)")


def parse_ms(text: str) -> float:
    """Milliseconds of a written time; raises NasError where it is no time above zero.

    >>> parse_ms("15ms"), parse_ms("0.015s"), parse_ms("800us")
    (15.0, 15.0, 0.8)
    """
    found = _TIME.fullmatch(text.strip())
    value = float(found[1]) * _IN_MS[found[2]] if found else math.nan
    if not (math.isfinite(value) and value > 0):
        raise NasError(f"{text!r} is no time above zero: write it with its unit, like 15ms, 0.015s or 800us.")
    return value


def told_ms(ms: float) -> str:
    """Milliseconds as a message tells them: two decimals, and of small ones three digits.

    >>> told_ms(14.583), told_ms(0.06591)
    ('14.58', '0.0659')
    """
    return f"{ms:.2f}" if ms >= 1 else f"{ms:.3g}"
