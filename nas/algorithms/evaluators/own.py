"""An evaluator that somebody else brings."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import SupportsFloat

from nas.algorithms.evaluators.evaluators import Evaluation, Report
from nas.design.architecture import Architecture
from nas.errors import NasError
from nas.interfaces import Evaluate


class ByOwn:
    """The values that an `Evaluate` gives, with no weights to train on from."""

    rungs = 1

    def __init__(self, evaluate: Evaluate) -> None:
        self.evaluate = evaluate

    def __call__(self, candidates: Mapping[Architecture, Report]) -> dict[Architecture, list[Evaluation]]:
        """One value each."""
        if not candidates:
            return {}
        began = time.perf_counter()
        values = _numbers(self.evaluate(list(candidates)))
        if len(values) != len(candidates):
            raise NasError(
                f"The evaluator was given {len(candidates)} architectures and returned {len(values)} values. "
                "It has to return one value for each, in their order."
            )
        if bad := [number for number, value in enumerate(values) if not math.isfinite(value)]:
            raise NasError(
                f"The evaluator's value number {bad[0]} is {values[bad[0]]}. Return a finite number for every "
                "architecture, a low one where there is nothing to say for it."
            )
        seconds = (time.perf_counter() - began) / len(values)
        return {arch: [Evaluation(value, None, seconds)] for arch, value in zip(candidates, values, strict=True)}

    def epochs(self, rungs: int) -> float:
        """None that are known of."""
        return 0.0

    def weights(self, architecture: Architecture) -> None:
        """There are none."""

    def kept(self, architecture: Architecture) -> list[Path]:
        """There are none."""
        return []


def _numbers(found: object) -> list[float]:
    """What an evaluator returned, as numbers; raises NasError with what is none."""
    values = found.tolist() if hasattr(found, "tolist") else found
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise NasError(
            f"The evaluator returned {found!r}. It is given several architectures at once and has to return a list of "
            "one number for each, in their order."
        )
    wrong = [value for value in values if not isinstance(value, SupportsFloat) or isinstance(value, str)]
    if wrong:
        raise NasError(f"The evaluator returned {wrong[0]!r} among its values: return a number for every architecture.")
    return [float(value) for value in values]
