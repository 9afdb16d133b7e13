"""Whether a rule of thumb holds: ratios of rounds, their median with its interval, and what that says of a claim."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal, assert_never

from msgspec import Struct

from nas.design.guidelines.guideline import Claim

Verdict = Literal["holds here", "does not hold here", "too close to tell", "holds in part"]
# A smaller difference is called none: it is not worth a choice, and other sessions may not show it.
NEGLIGIBLE = 0.01
# A cost below this is not discernible.
DISCERNIBLE = 0.03
_MISSED = 0.05  # share of intervals that may miss the median


class Ratio(Struct, frozen=True):
    """A time over another one: the median of rounds with its 95 % interval."""

    median: float
    low: float
    high: float


def compare_rounds(own: Sequence[float], first: Sequence[float], work: float = 1.0) -> Ratio:
    """The ratio of two networks timed in the same rounds, round by round; `work` is that of their multiply-adds.

    >>> compare_rounds([2.0, 4.2, 2.1], [1.0, 2.0, 1.1]).median
    2.0
    """
    ratios = sorted(one / other / work for one, other in zip(own, first, strict=True))
    outside = count_outside(len(ratios))
    return Ratio(statistics.median(ratios), ratios[outside], ratios[-1 - outside])


def count_outside(count: int) -> int:
    """How many of so many sorted values lie outside on either side of the 95 % interval of the median.

    Each value is below the true median with probability one half, so the number of those below is binomial. With fewer
    than six values the interval is all of them, and covers less than 95 %.

    >>> count_outside(15), count_outside(6), count_outside(5)
    (3, 0, 0)
    """
    below, outside = 0, 0
    for rank in range((count + 1) // 2):
        below += math.comb(count, rank)
        if 2 * below > _MISSED * 2**count:
            break
        outside = rank
    return outside


def judge(claim: Claim, ratio: Ratio) -> Verdict:
    """Judge a claim about a time over another one by its interval.

    "slower" and "faster" hold if the whole interval is more than 1 % off 1 on the side that they say, and do not hold
    if it is so on the other side. "no slower" holds below 1.03 and does not hold above. All else is too close to tell.

    >>> judge("slower", Ratio(1.2, 1.1, 1.3)), judge("faster", Ratio(1.2, 1.1, 1.3))
    ('holds here', 'does not hold here')
    >>> judge("slower", Ratio(1.1, 1, 1.2))
    'too close to tell'
    """
    slower, faster = ratio.low > 1 + NEGLIGIBLE, ratio.high < 1 - NEGLIGIBLE
    match claim:
        case "slower":
            holds, fails = slower, faster
        case "faster":
            holds, fails = faster, slower
        case "no slower":
            holds, fails = ratio.high < 1 + DISCERNIBLE, ratio.low > 1 + DISCERNIBLE
        case _:
            assert_never(claim)
    return "holds here" if holds else "does not hold here" if fails else "too close to tell"


def combine(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on a rule from those on its variants: those that are too close to tell count only if all are.

    >>> combine(["holds here", "too close to tell"]), combine(["holds here", "does not hold here"])
    ('holds here', 'holds in part')
    """
    found = {verdict for verdict in verdicts if verdict != "too close to tell"}
    if not found:
        return "too close to tell"
    return found.pop() if len(found) == 1 else "holds in part"
