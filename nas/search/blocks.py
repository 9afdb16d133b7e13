"""The block search (MobileNetV3 section 4.1): Optuna asks, the table prices, brief training scores."""

from collections.abc import Sequence

from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.cost import macs, params
from nas.design.plan import lower
from nas.design.space import SearchSpace
from nas.latency.timing import Estimate
from nas.search.context import Context
from nas.search.evaluators import Evaluator
from nas.search.ports import Outcome
from nas.search.records import Batch, Trial
from nas.search.study import Candidate, Study
from nas.search.survey import WARM, WARM_PREDICTOR, Drawn, searched
from nas.units import told_ms

FINALISTS = 5  # best trials whose whole networks are measured before one is taken
BATCH = 4  # trained beside each other whatever the number of workers, so that decisions do not depend on it
_PATIENCE = 3
_REWARD_EXPONENT = -0.07  # MnasNet section 3.1: doubling the latency should buy 5 % relative accuracy


class BlockSearch:
    """One block search in a run folder; after `run` there are `finalists`."""

    def __init__(self, ctx: Context, space: SearchSpace, evaluator: Evaluator, drawn: Sequence[Drawn]) -> None:
        """`drawn` are random networks of the space (see `survey`); those in the band are where the search begins."""
        self.ctx, self.space, self.evaluator = ctx, space, evaluator
        settings = ctx.settings
        self.warm = WARM_PREDICTOR if settings.sampler == "predictor" else WARM
        self.band_ms = low, high = searched(ctx, drawn)
        self.inside = [one.choices for one in drawn if low <= one.predicted_ms <= high]
        ctx.say(f"Searching from {told_ms(low)} to {told_ms(high)} ms for a target of {settings.target_ms:g} ms.")
        path = ctx.folder / "study.journal"
        self.study = Study(
            path, space, settings.resolution, ctx.classes, settings.seed, self.warm, settings.sampler, self._excess_of
        )

    def run(self) -> None:
        """Search until enough architectures were scored."""
        while self._undecided() or self._untold():
            self._batch()

    def finalists(self, count: int) -> list[Trial]:
        """The best complete trials, best first, each architecture once."""
        complete = {trial.architecture: trial for trial in reversed(self._complete())}
        return sorted(complete.values(), key=self._rank, reverse=True)[:count]

    def _undecided(self) -> bool:
        trained = sum(trial.score is not None for trial in self.ctx.journal.all(Trial))
        return trained < self.ctx.settings.trials

    def _untold(self) -> list[Trial]:
        """What a killed process had decided and not yet told the study."""
        told = self.study.told()
        batch = next(reversed(self.ctx.journal.all(Batch)), None)
        if batch is None:
            return []
        found = [self.ctx.journal.find(Trial, f"trial-{n}") for n in range(told, batch.first + batch.size)]
        return [trial for trial in found if trial is not None]

    def _complete(self) -> list[Trial]:
        return [trial for trial in self.ctx.journal.all(Trial) if trial.state == "complete"]

    def _rank(self, trial: Trial) -> tuple[float, float]:
        assert trial.score is not None
        return self._value(trial.score.accuracy, trial.predicted_ms), -trial.score.loss

    def _value(self, accuracy: float, predicted_ms: float) -> float:
        if self.ctx.settings.objective == "constraint":
            return accuracy
        # MnasNet eq. 2 and 3 with alpha = beta
        return accuracy * float((predicted_ms / self.ctx.settings.target_ms) ** _REWARD_EXPONENT)

    def _batch(self) -> None:
        """Ask for architectures until some are inside the band, score those, journal all, then tell all in order.

        Nothing is told before all is journalled: killed in between, what is left is told as it was decided.
        """
        if untold := self._untold():
            candidates = [self.study.ask() for _ in untold]
            for candidate, trial in zip(candidates, untold, strict=True):
                self._repeat(candidate, trial)
        else:
            first = self.study.told()
            asked = self._ask(first)
            candidates = [candidate for candidate, _ in asked]
            untold = self._decide(first, asked)
        for candidate, trial in zip(candidates, untold, strict=True):
            self._tell(candidate, trial)
        best = [self.evaluator.kept(trial.architecture) for trial in self.finalists(FINALISTS)]
        self.ctx.work.keep([path for paths in best for path in paths])

    def _ask(self, first: int) -> list[tuple[Candidate, Estimate]]:
        """Candidates with their prices, `BATCH` of them inside the band. One outside costs nothing but the asking.

        Where the sampler misses the band a few times running, a draw from inside shows it the way.
        """
        asked: list[tuple[Candidate, Estimate]] = []
        inside = missed = 0
        while inside < BATCH:
            number = first + len(asked)
            if (number < self.warm or missed == _PATIENCE) and not self.study.waiting():
                self.study.enqueue(self.inside[number % len(self.inside)])
            candidate = self.study.ask()
            estimate = self.ctx.prices(candidate.architecture)
            excess = self._excess(estimate.ms)
            candidate.constrain(excess)
            asked.append((candidate, estimate))
            inside, missed = (inside, missed + 1) if excess > 0 else (inside + 1, 0)
        return asked

    def _decide(self, first: int, asked: list[tuple[Candidate, Estimate]]) -> list[Trial]:
        """The trials of a batch, journalled. An architecture that was asked for before is not trained again."""
        known = {trial.architecture: trial for trial in self.ctx.journal.all(Trial) if trial.number < first}
        fresh: dict[Architecture, Candidate] = {}
        for candidate, estimate in asked:
            if self._excess(estimate.ms) <= 0 and candidate.architecture not in known:
                fresh.setdefault(candidate.architecture, candidate)
        outcomes = self.evaluator({arch: candidate.report for arch, candidate in fresh.items()})
        trials = []
        for number, (candidate, estimate) in enumerate(asked, start=first):
            arch = candidate.architecture
            if arch in known:
                trial = replace(known[arch], key=f"trial-{number}", number=number, rungs=0, seconds=0.0)
            else:
                trial = known[arch] = self._trial(number, arch, estimate, outcomes.get(arch, []))
            trials.append(trial)
        for trial in trials:
            self.ctx.journal.add(trial)
        self.ctx.journal.add(Batch(f"batch-{first}", first, len(trials)))
        return trials

    def _repeat(self, candidate: Candidate, trial: Trial) -> None:
        """Note on a candidate that was asked for again all that was noted before its process was killed."""
        candidate.constrain(self._excess(trial.predicted_ms))
        if trial.rungs:
            self.evaluator({trial.architecture: candidate.report})

    def _excess(self, predicted_ms: float) -> float:
        """Milliseconds outside the band; the reward prices latency itself and knows no constraint."""
        low, high = self.band_ms
        outside = max(predicted_ms - high, low - predicted_ms)
        return outside if self.ctx.settings.objective == "constraint" else 0.0

    def _excess_of(self, arch: Architecture) -> float:
        return self._excess(self.ctx.prices(arch).ms)

    def _trial(self, number: int, arch: Architecture, estimate: Estimate, outcomes: list[Outcome]) -> Trial:
        plan = lower(arch)
        complete = len(outcomes) == self.evaluator.rungs
        return Trial(
            key=f"trial-{number}",
            number=number,
            architecture=arch,
            params=params(plan),
            macs=macs(plan),
            predicted_ms=estimate.ms,
            error_bound_ms=estimate.error_bound_ms,
            state="complete" if complete else "pruned" if outcomes else "infeasible",
            score=outcomes[-1].score if outcomes else None,
            rungs=len(outcomes),
            epochs=self.evaluator.epochs(len(outcomes)),
            seconds=sum((outcome.seconds for outcome in outcomes), 0.0),
        )

    def _tell(self, candidate: Candidate, trial: Trial) -> None:
        score = trial.score if trial.state == "complete" else None
        self.study.tell(candidate, self._value(score.accuracy, trial.predicted_ms) if score else None)
        if trial.score is not None:
            self.ctx.say(
                f"Trial {trial.number}: {trial.state}, {trial.score.accuracy:.1%} after {trial.epochs:g} epochs, "
                f"{told_ms(trial.predicted_ms)} ms predicted, {trial.macs / 1e6:.0f} M MACs, {trial.seconds:.0f} s."
            )
