"""Ranking architectures without training any."""

from collections.abc import Mapping
from pathlib import Path

from nas.algorithms.evaluators.evaluators import Evaluation, Report
from nas.design.architecture import Architecture
from nas.design.cost import params
from nas.design.graph import lower


class ByParameters:
    """The most parameters within the latency: a value, not an accuracy, and no weights to train on from.

    Kendall's tau with the published ImageNet accuracies of 105 once-for-all networks of about equal MACs is 0.61 (0.54
    to 0.68) for parameters, 0.57 (0.50 to 0.63) for zen-score, 0.40 for synflow and 0.35 for MACs: nothing that is free
    of training beats counting (experiments/supernet). A hundred evaluated networks do.
    """

    rungs = 1

    def __call__(self, candidates: Mapping[Architecture, Report]) -> dict[Architecture, list[Evaluation]]:
        """One number each."""
        return {arch: [Evaluation(float(params(lower(arch))), None, 0.0)] for arch in candidates}

    def epochs(self, rungs: int) -> float:
        """None were trained."""
        return 0.0

    def weights(self, architecture: Architecture) -> None:
        """There are none."""

    def kept(self, architecture: Architecture) -> list[Path]:
        """There are none."""
        return []
