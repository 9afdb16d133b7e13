"""The block search (MobileNetV3 section 4.1): Optuna asks, the table prices, an evaluator scores."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from nas.algorithms.block_search.bands import LEAST_IN_BAND, Band, Bands
from nas.algorithms.block_search.latency_band import WARM_PREDICTOR, PricedSample, draws_within, search_bands
from nas.algorithms.block_search.warm_start import by_hand
from nas.algorithms.budgets import within
from nas.algorithms.evaluators.evaluators import Evaluation, Evaluator
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Trial, TrialRound
from nas.algorithms.samplers.optuna_study import Candidate, Study
from nas.design.architecture import Architecture
from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.design.size import by_area, describe_size
from nas.design.space import SearchSpace
from nas.latency.timing import Estimate
from nas.units import told_ms

FINALISTS = 5  # best trials whose whole networks are measured before one is taken
_PATIENCE = 3
_ALONG = 4  # pieces of a front's band that a published network is scaled to


class BlockSearch:
    """One block search in a run folder; after `run` there are `finalists`, and of a front all that is `complete`."""

    def __init__(
        self,
        ctx: Context,
        space: SearchSpace,
        evaluator: Evaluator,
        drawn: Sequence[PricedSample],
        bands: Bands | None = None,
    ) -> None:
        """`drawn` are random networks of the space (see `survey`); the bands are the target's, or a front's.

        The search begins with what scaling a published network by hand gives, then with those drawn in the band.
        """
        self.ctx, self.space, self.evaluator = ctx, space, evaluator
        settings = ctx.settings
        self.warm = WARM_PREDICTOR if settings.pareto or settings.sampler == "predictor" else LEAST_IN_BAND
        self.bands = bands or search_bands(ctx, drawn)
        inside = [one.choices for one in draws_within(drawn, self.bands)]
        goal = "the whole front" if settings.pareto else f"a target of {settings.target_ms:g} ms"
        ctx.say(f"Searching {self._describe_bands()} for {goal}.")
        hand = [self._by_hand(number) for number in range(self._count_pieces)]
        self.starts = [*(choices for found in hand for choices in found), *inside]
        path = ctx.folder / "study.journal"
        self.study = Study(
            path, space, settings.resolution, ctx.classes, settings.seed, self.warm, settings.sampler, self._excess_of,
            settings.pareto, settings.batch, ctx.make_sampler,
        )  # fmt: skip

    def run(self) -> None:
        """Search until enough architectures were scored."""
        while self._undecided() or self._untold():
            self._batch()

    def finalists(self, count: int) -> list[Trial]:
        """The best complete trials, best first, each architecture once."""
        return sorted(self.complete(), key=self._rank, reverse=True)[:count]

    def complete(self) -> list[Trial]:
        """The complete trials, each architecture once."""
        found: dict[Architecture, Trial] = {}
        for trial in self.ctx.journal.all(Trial):
            if trial.state == "complete":
                found.setdefault(trial.architecture, trial)
        return list(found.values())

    def _describe_bands(self) -> str:
        """The bands in words; the resolution is said if there are several."""
        several = len(self.space.sides(self.ctx.settings.resolution)) > 1
        return ", ".join(
            f"{f'at {describe_size(side)} px ' if several else ''}from {told_ms(low)} to {told_ms(high)} ms"
            for side, (low, high) in sorted(self.bands.by_resolution.items(), key=lambda one: by_area(one[0]))
        )

    @property
    def _count_pieces(self) -> int:
        return _ALONG if self.ctx.settings.pareto else 1

    def _by_hand(self, piece: int) -> list[dict[str, Any]]:
        """Published networks scaled to a piece of every band."""
        pieces = {side: _pieces(*band, self._count_pieces)[piece] for side, band in self.bands.by_resolution.items()}
        return by_hand(self.space, self.ctx.classes, self._allowed_ms, pieces)

    def _undecided(self) -> bool:
        return self._left() > 0

    def _left(self) -> int:
        """How many architectures are still to be scored; a batch that a kill has torn does not count."""
        batches = self.ctx.journal.all(TrialRound)
        end = batches[-1].first + batches[-1].size if batches else 0
        scored = sum(trial.value is not None and trial.number < end for trial in self.ctx.journal.all(Trial))
        return self.ctx.settings.trials - scored

    def _untold(self) -> list[Trial]:
        """What a killed process had decided and not yet told the study."""
        told = self.study.told()
        batch = next(reversed(self.ctx.journal.all(TrialRound)), None)
        if batch is None:
            return []
        found = [self.ctx.journal.find(Trial, f"trial-{n}") for n in range(told, batch.first + batch.size)]
        return [trial for trial in found if trial is not None]

    def _rank(self, trial: Trial) -> tuple[float, float]:
        return self._aim(trial), -trial.score.loss if trial.score else 0.0

    def _aim(self, trial: Trial) -> float:
        """What the study maximises."""
        assert trial.value is not None, "it is complete"
        settings = self.ctx.settings
        if settings.objective == "constraint":
            return trial.value
        # MnasNet eq. 2 and 3 with alpha = beta
        return trial.value * float((trial.predicted_ms / settings.target_ms) ** settings.reward_exponent)

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
        """Candidates with their prices, a batch of them inside the band. One outside costs nothing but the asking.

        Where the sampler misses the band a few times running, a draw from inside shows it the way.
        """
        asked: list[tuple[Candidate, Estimate]] = []
        inside = missed = 0
        while inside < min(self.ctx.settings.batch, self._left()):
            number = first + len(asked)
            if (number < self.warm or first == 0 or missed == _PATIENCE) and not self.study.waiting():
                self.study.enqueue(self.starts[number % len(self.starts)])
            candidate = self.study.ask()
            estimate = self.ctx.prices(candidate.architecture)
            excess = self._excess(candidate.architecture, estimate.ms)
            candidate.constrain(excess)
            asked.append((candidate, estimate))
            inside, missed = (inside, missed + 1) if excess > 0 else (inside + 1, 0)
        return asked

    def _decide(self, first: int, asked: list[tuple[Candidate, Estimate]]) -> list[Trial]:
        """The trials of a batch, journalled. An architecture that was asked for before is not trained again."""
        known = {trial.architecture: trial for trial in self.ctx.journal.all(Trial) if trial.number < first}
        fresh: dict[Architecture, Candidate] = {}
        for candidate, estimate in asked:
            if self._excess(candidate.architecture, estimate.ms) <= 0 and candidate.architecture not in known:
                fresh.setdefault(candidate.architecture, candidate)
        evaluated = self.evaluator({arch: candidate.report for arch, candidate in fresh.items()})
        trials = []
        for number, (candidate, estimate) in enumerate(asked, start=first):
            arch = candidate.architecture
            if arch in known:
                trial = replace(known[arch], key=f"trial-{number}", number=number, rungs=0, seconds=0.0)
            else:
                trial = known[arch] = self._trial(number, arch, estimate, evaluated.get(arch, []))
            trials.append(trial)
        self.ctx.journal.add(*trials, TrialRound(f"batch-{first}", first, len(trials)))
        return trials

    def _repeat(self, candidate: Candidate, trial: Trial) -> None:
        """Note on a candidate that was asked for again all that was noted before its process was killed."""
        candidate.constrain(self._excess(trial.architecture, trial.predicted_ms))
        if trial.rungs and self.evaluator.rungs > 1:
            self.evaluator({trial.architecture: candidate.report})

    def _excess(self, arch: Architecture, predicted_ms: float) -> float:
        """Milliseconds outside the band, or the share of the target by which a budget is exceeded, if that is more.

        Above 0 an architecture is infeasible. The reward prices latency itself, so that only budgets constrain it.
        """
        settings = self.ctx.settings
        late_ms = self.bands.excess_ms(arch, predicted_ms) if settings.objective == "constraint" else 0.0
        return max([late_ms, *(settings.target_ms * budget.excess(arch) for budget in self.ctx.budgets)])

    def _excess_of(self, arch: Architecture) -> float:
        return self._excess(arch, self._known_ms(arch))

    def _known_ms(self, arch: Architecture) -> float:
        """Thousands are considered before one is proposed: what the table lacks is not measured for them."""
        estimate = self.ctx.prices.known(arch)
        return estimate.ms if estimate else math.inf

    def _allowed_ms(self, arch: Architecture) -> float:
        """Return the known latency of a network, infinite if it is not within the budgets."""
        return self._known_ms(arch) if within(arch, self.ctx.budgets) else math.inf

    def _trial(self, number: int, arch: Architecture, estimate: Estimate, rungs: list[Evaluation]) -> Trial:
        graph = lower(arch)
        complete = len(rungs) == self.evaluator.rungs
        return Trial(
            key=f"trial-{number}",
            number=number,
            architecture=arch,
            params=params(graph),
            macs=macs(graph),
            predicted_ms=estimate.ms,
            error_bound_ms=estimate.error_bound_ms,
            state="complete" if complete else "pruned" if rungs else "infeasible",
            score=rungs[-1].score if rungs else None,
            rungs=len(rungs),
            epochs=self.evaluator.epochs(len(rungs)),
            seconds=sum((rung.seconds for rung in rungs), 0.0),
            value=rungs[-1].value if rungs else None,
        )

    def _tell(self, candidate: Candidate, trial: Trial) -> None:
        self.study.tell(candidate, self._aim(trial) if trial.state == "complete" else None, trial.predicted_ms)
        if trial.value is not None:
            score = f"{trial.score.accuracy:.1%} after {trial.epochs:g} epochs, " if trial.score else ""
            self.ctx.say(
                f"Trial {trial.number}: {trial.state}, {score}{told_ms(trial.predicted_ms)} ms predicted, "
                f"{trial.params / 1e6:.2f} M parameters, {trial.macs / 1e6:.0f} M MACs, {trial.seconds:.0f} s."
            )


def _pieces(low: float, high: float, count: int) -> list[Band]:
    """A band as bands beside each other, of equal ratios."""
    return list(pairwise(low * (high / low) ** (n / count) for n in range(count + 1)))
