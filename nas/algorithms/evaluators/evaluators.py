"""How the block search tells a good architecture from a bad one: training each, weights that all share, or neither."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from nas.algorithms.pipeline.context import Context
from nas.algorithms.workers.job_cache import derive
from nas.design.architecture import Architecture, digest
from nas.jobs import EvaluateShared, Outcome, Score, Train

# Whether a candidate, given its accuracy after a rung, should stop there.
Report = Callable[[float, int], bool]


class Evaluation(Struct, frozen=True):
    """What a rung says of an architecture: a value, more is better, with its score where it is an accuracy."""

    value: float
    score: Score | None
    seconds: float


class Evaluator(Protocol):
    """Evaluations of architectures, one for each rung that they reached."""

    @property
    def rungs(self) -> int:
        """How many rungs a complete one has."""
        ...

    def __call__(self, candidates: Mapping[Architecture, Report]) -> dict[Architecture, list[Evaluation]]:
        """Score candidates beside each other; one that falls behind may be stopped between rungs."""
        ...

    def epochs(self, rungs: int) -> float:
        """Epochs of training behind so many rungs."""
        ...

    def weights(self, architecture: Architecture) -> Path | None:
        """Weights of an architecture that was evaluated, to train it on from; None where there are none."""
        ...

    def kept(self, architecture: Architecture) -> list[Path]:
        """Files that are still needed while this architecture is the best."""
        ...


def accuracy_of(outcome: Outcome) -> Evaluation:
    """A job's outcome as an evaluation: its accuracy is the value."""
    return Evaluation(outcome.score.accuracy, outcome.score, outcome.seconds)


class ByTraining:
    """Each candidate trained by itself for a few epochs, as MnasNet did."""

    SHARES = (0.5, 1.0)  # of a trial's epochs, after which it may be stopped
    rungs = len(SHARES)

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    def __call__(self, candidates: Mapping[Architecture, Report]) -> dict[Architecture, list[Evaluation]]:
        """Each candidate's rungs."""
        found: dict[Architecture, list[Evaluation]] = {arch: [] for arch in candidates}
        alive = dict(candidates)
        for rung in range(self.rungs):
            jobs = [self.job(arch, rung) for arch in alive]
            self._start([arch for arch, job in zip(alive, jobs, strict=True) if not self.ctx.work.knows(job)], rung)
            for arch, outcome in zip(list(alive), self.ctx.work.do(jobs), strict=True):
                found[arch].append(accuracy_of(outcome))
                if alive[arch](outcome.score.accuracy, rung) and rung < self.rungs - 1:
                    del alive[arch]
        return found

    def epochs(self, rungs: int) -> float:
        """Of the last rung reached."""
        return self.SHARES[rungs - 1] * self.ctx.settings.trial_epochs if rungs else 0.0

    def weights(self, architecture: Architecture) -> Path:
        """Those of its last rung."""
        last = self.job(architecture, self.rungs - 1)
        if not self.ctx.work.has(last):
            self._start([architecture], self.rungs - 1)
        return self.ctx.work.one(last)[1]

    def _start(self, architectures: Sequence[Architecture], rung: int) -> None:
        """Have the weights that a rung starts from: the search for another target may have trained them elsewhere."""
        if rung:
            lacking = [arch for arch in architectures if not self.ctx.work.has(self.job(arch, rung - 1))]
            self._start(lacking, rung - 1)
            self.ctx.work.do([self.job(arch, rung - 1) for arch in lacking], need_weights=True)

    def kept(self, architecture: Architecture) -> list[Path]:
        """Those of its last rung."""
        return [self.ctx.work.path(self.job(architecture, self.rungs - 1))]

    def job(self, arch: Architecture, rung: int) -> Train:
        """The training job of a rung; it starts from the checkpoint of the rung before."""
        total = self.ctx.settings.trial_epochs
        start = self.ctx.work.path(self.job(arch, rung - 1)) if rung else None
        first = self.SHARES[rung - 1] * total if rung else 0.0
        # Latency is at the deployment resolution, training at its own.
        seed = derive("trial", self.ctx.settings.seed, digest(arch))
        return Train(arch, first, self.SHARES[rung] * total, total, seed, Path(), start)


class BySharing:
    """One set of weights for the whole space (see `shared_weights`); a look each at a network's part of them."""

    rungs = 1

    def __init__(self, ctx: Context, container: Architecture, weights: Path) -> None:
        self.ctx, self.container, self.shared = ctx, container, weights

    def __call__(self, candidates: Mapping[Architecture, Report]) -> dict[Architecture, list[Evaluation]]:
        """One look each, all side by side."""
        outcomes = self.ctx.work.do([self._job(arch) for arch in candidates])
        return {arch: [accuracy_of(outcome)] for arch, outcome in zip(candidates, outcomes, strict=True)}

    def epochs(self, rungs: int) -> float:
        """Those of the shared weights."""
        return self.ctx.settings.trial_epochs

    def weights(self, architecture: Architecture) -> Path:
        """Its share, with its own norm statistics."""
        return self.ctx.work.one(self._job(architecture, keep=True))[1]

    def kept(self, architecture: Architecture) -> list[Path]:
        """The shared weights lie where nothing is cleared away."""
        return []

    def _job(self, arch: Architecture, keep: bool = False) -> EvaluateShared:
        return EvaluateShared(arch, self.container, self.shared, Path(), keep)
