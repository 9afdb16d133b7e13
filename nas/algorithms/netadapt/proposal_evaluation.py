"""What NetAdapt asks to be tried in one step, and what it hears of it."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from nas.algorithms.netadapt.goal import Goal, PricedNetwork
from nas.algorithms.netadapt.paired_interval import paired_ci95
from nas.algorithms.netadapt.proposals import Proposed
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Proposal, Step
from nas.algorithms.workers.job_cache import derive
from nas.design.edits.edit import Edit, describe_edit
from nas.design.edits.simplify import DropBlock
from nas.errors import Diverged
from nas.jobs import Adapt, EvaluateEdits, Outcome

_SCREENED = 8  # proposals that share a job, however many workers there are
_NO_GOAL = Goal(0.0)


class Look(Struct, frozen=True):
    """A proposal's outcome, and that of the network before the step after the same number of mini-batches."""

    outcome: Outcome
    control: Outcome
    steps: int


class Tuning:
    """The jobs of a step. Their seeds follow from the run's, the step and the sample, never from their order."""

    def __init__(self, ctx: Context, number: int, parent: Step, goal: Goal = _NO_GOAL) -> None:
        self.ctx, self.number, self.parent, self.goal = ctx, number, parent, goal
        self.before = goal.cost(parent)
        self.weights = ctx.work.folder / parent.weights

    def saved(self, one: PricedNetwork) -> float:
        """Return by how much a proposal costs less than the network before the step, in the unit of the goal."""
        return self.before - self.goal.cost(one)

    def screened(self, proposed: Sequence[Proposed]) -> dict[str, Look]:
        """Every proposal repaired, not trained, by the name of its edit; near ones share a job, and most of a trunk."""
        edits = sorted((one.edit for one in proposed), key=lambda edit: edit.name)
        jobs = [self._screen(edits[n : n + _SCREENED]) for n in range(0, len(edits), _SCREENED)]
        return self._heard(
            (edit, outcome, whole, 0)
            for job, whole in zip(jobs, self.ctx.work.do(jobs), strict=True)
            for edit, outcome in zip(job.edits, whole.edits, strict=True)
        )

    def last(self, name: str) -> tuple[Proposal, float] | None:
        """What an edit was last found to do in a step before, and the cost of the network it was to change.

        Nothing from before a block was removed: those behind it have taken the names of their neighbours.
        """
        for number in range(self.number - 1, 0, -1):
            taken = self.ctx.journal.find(Step, f"step-{number}")
            if taken is not None and isinstance(taken.edit, DropBlock):
                return None
            proposal = self.ctx.journal.find(Proposal, f"proposal-{number}-{name}")
            before = self.ctx.journal.find(Step, f"step-{number - 1}")
            if proposal is not None and before is not None:
                return proposal, self.goal.cost(before)
        return None

    def tuned(self, proposed: Collection[Proposed], steps: int, sample: int = 0) -> dict[str, Look]:
        """Every proposal after its fine-tune, by the name of its edit.

        Beside it is the network before the step after the same: what training alone gains is not counted as the
        edit's gain.
        """
        if not proposed:
            return {}
        control, *outcomes = self.ctx.work.do(
            [self.job(None, steps, sample), *(self.job(one.edit, steps, sample) for one in proposed)]
        )
        if control.refused:
            raise Diverged(f"NetAdapt cannot go on from step {self.parent.step}: {control.refused}")
        return self._heard((one.edit, outcome, control, steps) for one, outcome in zip(proposed, outcomes, strict=True))

    def accepts(self, edit: Edit, outcome: Outcome) -> bool:
        """Whether an edit left a network; of one that did not is told."""
        if outcome.refused:
            self.ctx.say(f"NetAdapt leaves out {describe_edit(self.parent.architecture, edit)}: {outcome.refused}")
        return not outcome.refused

    def job(self, edit: Edit | None, steps: int, sample: int = 0) -> Adapt:
        """The fine-tune of an edit, or of the network as it is."""
        settings = self.ctx.settings
        seed = derive("adapt", settings.seed, self.number, *([sample] if sample else []))
        repair = settings.mode == "cheap"
        return Adapt(self.parent.architecture, self.weights, edit, steps, seed, Path(), settings.importance, repair)

    def proposal(self, one: Proposed, looks: Sequence[Look]) -> Proposal:
        """What the journal keeps of a proposal."""
        losses = np.mean([look.outcome.losses for look in looks], axis=0)
        change, interval = paired_ci95(losses, np.mean([look.control.losses for look in looks], axis=0))
        # The paper compares with the network as it was. An untrained control is that, seen on the same images.
        before = self.parent if looks[0].steps else looks[0].control
        return Proposal(
            key=f"proposal-{self.number}-{one.edit.name}",
            step=self.number,
            name=describe_edit(self.parent.architecture, one.edit),
            architecture=one.architecture,
            predicted_ms=one.predicted_ms,
            loss_change=change,
            loss_change_ci95=interval,
            accuracy_change=looks[0].outcome.score.accuracy - before.score.accuracy,
            score=looks[0].outcome.score,
            seconds=sum(look.outcome.seconds for look in looks),
            samples=len(looks),
            steps=looks[0].steps,
            edit=one.edit,
        )

    def _screen(self, edits: Sequence[Edit]) -> EvaluateEdits:
        importance = self.ctx.settings.importance
        return EvaluateEdits(self.parent.architecture, self.weights, tuple(edits), Path(), importance, repair=True)

    def _heard(self, found: Iterable[tuple[Edit, Outcome, Outcome, int]]) -> dict[str, Look]:
        """All that left a network."""
        looks = {}
        for edit, outcome, control, steps in found:
            if self.accepts(edit, outcome):
                looks[edit.name] = Look(outcome, control, steps)
        return looks
