"""Intervals of differences."""

import math

import numpy as np
from numpy.typing import ArrayLike


def paired_ci95(new: ArrayLike, old: ArrayLike) -> tuple[float, tuple[float, float]]:
    """Mean of the paired differences new - old and its 95 % normal interval; the same images in the same order."""
    differences = np.asarray(new, dtype=np.float64) - np.asarray(old, dtype=np.float64)
    mean = float(differences.mean())
    half = 1.96 * float(differences.std(ddof=1)) / math.sqrt(len(differences)) if len(differences) > 1 else math.inf
    return mean, (mean - half, mean + half)
