"""Intervals of differences."""

import math
from collections.abc import Sequence

import numpy as np


def paired_ci95(new: Sequence[float], old: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Mean of the paired differences new - old and its 95 % normal interval; the same images in the same order."""
    differences = np.asarray(new, dtype=np.float64) - np.asarray(old, dtype=np.float64)
    mean = float(differences.mean())
    half = 1.96 * float(differences.std(ddof=1)) / math.sqrt(len(differences)) if len(differences) > 1 else math.inf
    return mean, (mean - half, mean + half)
