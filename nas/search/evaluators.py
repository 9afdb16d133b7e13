"""How the block search tells a good architecture from a bad one: training each, or weights that all share."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nas.design.architecture import Architecture, digest
from nas.design.container import container
from nas.design.cost import macs
from nas.design.plan import lower
from nas.design.space import SearchSpace
from nas.search.context import Context
from nas.search.ports import Judge, Outcome, Share, Train
from nas.search.work import derive

# Whether a candidate, given its accuracy after a rung, should stop there.
Report = Callable[[float, int], bool]
# Parts that the training of shared weights is journalled in: a killed run loses one at most.
_SEGMENTS = 4


class Evaluator(Protocol):
    """Outcomes of architectures, one for each rung that they reached."""

    @property
    def rungs(self) -> int:
        """How many outcomes a complete evaluation has."""
        ...

    def prepare(self, inside: Sequence[Architecture]) -> None:
        """Before the first score; `inside` are architectures at the latencies that are searched."""
        ...

    def __call__(self, candidates: Mapping[Architecture, Report]) -> dict[Architecture, list[Outcome]]:
        """Score candidates beside each other; one that falls behind may be stopped between rungs."""
        ...

    def epochs(self, rungs: int) -> float:
        """Epochs of training behind so many outcomes."""
        ...

    def weights(self, architecture: Architecture) -> Path:
        """Weights of an architecture that was scored, to train it on from."""
        ...

    def kept(self, architecture: Architecture) -> list[Path]:
        """Files that are still needed while this architecture is the best."""
        ...


class ByTraining:
    """Each candidate trained by itself for a few epochs, as MnasNet did."""

    SHARES = (0.5, 1.0)  # of a trial's epochs, after which it may be stopped
    rungs = len(SHARES)

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    def prepare(self, inside: Sequence[Architecture]) -> None:
        """Nothing is shared."""

    def __call__(self, candidates: Mapping[Architecture, Report]) -> dict[Architecture, list[Outcome]]:
        """The outcomes of each candidate's rungs."""
        outcomes: dict[Architecture, list[Outcome]] = {arch: [] for arch in candidates}
        alive = dict(candidates)
        for rung in range(self.rungs):
            jobs = [self.job(arch, rung) for arch in alive]
            for arch, outcome in zip(list(alive), self.ctx.work.do(jobs), strict=True):
                outcomes[arch].append(outcome)
                if alive[arch](outcome.score.accuracy, rung) and rung < self.rungs - 1:
                    del alive[arch]
        return outcomes

    def epochs(self, rungs: int) -> float:
        """Of the last rung reached."""
        return self.SHARES[rungs - 1] * self.ctx.settings.trial_epochs if rungs else 0.0

    def weights(self, architecture: Architecture) -> Path:
        """Those of its last rung."""
        return self.ctx.work.one(self.job(architecture, self.rungs - 1))[1]

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
    """One set of weights for the whole space, trained on networks of the latencies searched; then a look each."""

    rungs = 1

    def __init__(self, ctx: Context, space: SearchSpace) -> None:
        self.ctx = ctx
        self.container = container(space, ctx.settings.resolution, ctx.classes)
        self._trained: list[Share] = []

    def prepare(self, inside: Sequence[Architecture]) -> None:
        """Train the shared weights, in segments."""
        ordered = sorted(set(inside), key=lambda arch: (macs(lower(arch)), digest(arch)))
        total = self.ctx.settings.trial_epochs
        seed = derive("share", self.ctx.settings.seed)
        for part in range(_SEGMENTS):
            first, last = total * part / _SEGMENTS, total * (part + 1) / _SEGMENTS
            start = self.ctx.work.path(self._trained[-1]) if self._trained else None
            networks = tuple(ordered)
            self._trained.append(
                Share(self.container, ordered[-1], ordered[0], networks, first, last, total, seed, Path(), start)
            )
        done = [job for job in self._trained if self.ctx.work.has(job)]
        for job in self._trained[self._trained.index(done[-1]) + 1 if done else 0 :]:
            [outcome] = self.ctx.work.do([job], need_weights=True)
            self.ctx.say(
                f"Shared weights: epoch {job.last:g} of {total:g}, the largest network of the band "
                f"{outcome.score.accuracy:.1%}, {outcome.seconds:.0f} s."
            )
            if job.start is not None:
                job.start.unlink(missing_ok=True)

    def __call__(self, candidates: Mapping[Architecture, Report]) -> dict[Architecture, list[Outcome]]:
        """One look each, all side by side."""
        outcomes = self.ctx.work.do([self._job(arch) for arch in candidates])
        return {arch: [outcome] for arch, outcome in zip(candidates, outcomes, strict=True)}

    def epochs(self, rungs: int) -> float:
        """Those of the shared weights."""
        return self.ctx.settings.trial_epochs

    def weights(self, architecture: Architecture) -> Path:
        """Its share, with its own norm statistics."""
        return self.ctx.work.one(self._job(architecture, keep=True))[1]

    def kept(self, architecture: Architecture) -> list[Path]:
        """The shared weights lie where nothing is cleared away."""
        return []

    def _job(self, arch: Architecture, keep: bool = False) -> Judge:
        return Judge(arch, self.container, self.ctx.work.path(self._trained[-1]), Path(), keep)
