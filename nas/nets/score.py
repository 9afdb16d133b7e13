"""`score`: accuracy with its interval."""

import math

from torch import Tensor

from nas.jobs import Score


def wilson(correct: int, count: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The score interval of a proportion, 95 % by default (Wilson 1927; Brown, Cai and DasGupta 2001, eq. 4).

    >>> [round(end, 4) for end in wilson(81, 263)]
    [0.2553, 0.3662]
    """
    p, spread = correct / count, z * z / count
    centre = (p + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(p * (1 - p) / count + spread / (4 * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def score(losses: Tensor, correct: Tensor) -> Score:
    """The score of per-image cross-entropies [N] and hits [N]."""
    count, hits = len(correct), int(correct.sum())
    return Score(hits / count, wilson(hits, count), float(losses.double().mean()), count)
