"""NetAdapt as MobileNetV3 uses it (section 4.2): shrink one group of channels at a time until the target is met."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from nas.design.edit import Edit, told
from nas.errors import Unreachable
from nas.search.context import Context
from nas.search.interval import paired_ci95
from nas.search.ports import Adapt, Outcome
from nas.search.proposals import Proposed, propose
from nas.search.records import Proposal, Step
from nas.search.selection import by_paper, by_preference, contested
from nas.search.work import derive
from nas.units import told_ms

_ENOUGH = 4  # proposals without which a larger step is no choice but a sacrifice


def saving(distance_ms: float, delta_ms: float) -> float:
    """The least that a step must save: delta near the goal, up to twice that while the goal is far.

    NetAdapt's own schedule starts with larger steps too; every step costs as much as any other.
    """
    return min(max(distance_ms / 2, delta_ms), 2 * delta_ms)


class Look(Struct, frozen=True):
    """A tuned proposal, and the network before the step tuned likewise."""

    outcome: Outcome
    control: Outcome


class NetAdapt:
    """The shrinking loop from one seed; every accepted step is a journal line and a point of the trade-off curve."""

    def __init__(self, ctx: Context, seed: Step) -> None:
        self.ctx = ctx
        self.folder = ctx.work.folder
        self.steps = [seed]

    @property
    def current(self) -> Step:
        """The last accepted step."""
        return self.steps[-1]

    @property
    def weights(self) -> Path:
        """The weights of the last accepted step."""
        return self.folder / self.current.weights

    def shrink(self, goal_ms: float) -> None:
        """Take steps until the prediction is at or below the goal; Unreachable if no group can be cut further."""
        while self.current.predicted_ms > goal_ms:
            known = self.ctx.journal.find(Step, f"step-{len(self.steps)}")
            if known is not None and (self.folder / known.weights).exists():
                self.steps.append(known)
                continue
            self.steps.append(self._step(goal_ms))
            self.ctx.work.keep([self.folder / step.weights for step in self.steps])
            self.ctx.say(
                f"NetAdapt step {self.current.step}: {self.current.name}, "
                f"{told_ms(self.current.predicted_ms)} ms predicted, {self.current.score.accuracy:.1%}."
            )

    def _propose(self, goal_ms: float) -> list[Proposed]:
        """Proposals that save what is wanted; where few can, delta, and at the very end a tenth of it."""
        ctx, parent = self.ctx, self.current
        delta_ms = ctx.settings.delta * self.steps[0].predicted_ms
        wanted_ms = saving(parent.predicted_ms - goal_ms, delta_ms)
        for least_ms, enough in ((wanted_ms, _ENOUGH), (delta_ms, 1), (0.1 * delta_ms, 1)):
            limit_ms = parent.predicted_ms - least_ms
            found = propose(parent.architecture, limit_ms, ctx.prices, ctx.settings.proposals, ctx.noise)
            if len(found) >= enough:
                return found
        return []

    def _step(self, goal_ms: float) -> Step:
        number, parent = len(self.steps), self.current
        proposed = self._propose(goal_ms)
        if not proposed:
            raise Unreachable(
                f"NetAdapt cannot shrink further than {parent.predicted_ms:.3g} ms: no group of channels is left whose "
                "cut is faster. Ask for more time or start from a smaller network."
            )
        best, tuned = self._choose({self._key(one): one for one in proposed})
        self.ctx.journal.add(*tuned)
        [edit] = [one.edit for one in proposed if self._key(one) == best.key]
        _, weights = self.ctx.work.one(self._job(edit))
        step = Step(
            key=f"step-{number}",
            step=number,
            name=best.name,
            architecture=best.architecture,
            predicted_ms=best.predicted_ms,
            score=best.score,
            weights=weights.name,
            edit=edit,
        )
        self.ctx.journal.add(step)
        return step

    def _choose(self, proposed: Mapping[str, Proposed]) -> tuple[Proposal, list[Proposal]]:
        """The proposal to take, and all of them with what is known by then; by key."""
        parent, settings = self.current, self.ctx.settings
        looks = {key: [look] for key, look in zip(proposed, self._tuned(proposed.values(), 0), strict=True)}
        found = {key: self._proposal(one, looks[key]) for key, one in proposed.items()}
        if settings.select == "paper":
            ranked = by_paper(list(found.values()), parent.predicted_ms, parent.score.accuracy)
            return ranked[0], list(found.values())
        ranked = by_preference(list(found.values()), parent.predicted_ms)
        unsure = [one.key for one in contested(ranked, parent.predicted_ms)]
        for key, look in zip(unsure, self._tuned([proposed[key] for key in unsure], 1), strict=True):
            found[key] = self._proposal(proposed[key], [*looks[key], look])
        ranked = by_preference([found[key] for key in unsure or found], parent.predicted_ms)
        return ranked[0], list(found.values())

    def _tuned(self, proposed: Collection[Proposed], sample: int) -> list[Look]:
        """Every proposal after its fine-tune, beside the network before the step after the same.

        Against that, what training alone gains is not counted as the edit's gain. Each sample has a seed of its own.
        """
        if not proposed:
            return []
        control, *outcomes = self.ctx.work.do(
            [self._job(None, sample), *(self._job(one.edit, sample) for one in proposed)]
        )
        return [Look(outcome, control) for outcome in outcomes]

    def _job(self, edit: Edit | None, sample: int = 0) -> Adapt:
        settings, number = self.ctx.settings, len(self.steps)
        seed = derive("adapt", settings.seed, number, *([sample] if sample else []))
        parent = self.current.architecture
        return Adapt(parent, self.weights, edit, settings.steps, seed, Path(), settings.importance)

    def _key(self, one: Proposed) -> str:
        return f"proposal-{len(self.steps)}-{one.edit.name}"

    def _proposal(self, one: Proposed, looks: Sequence[Look]) -> Proposal:
        losses = np.mean([look.outcome.losses for look in looks], axis=0)
        change, interval = paired_ci95(losses, np.mean([look.control.losses for look in looks], axis=0))
        return Proposal(
            key=self._key(one),
            step=len(self.steps),
            name=told(self.current.architecture, one.edit),
            architecture=one.architecture,
            predicted_ms=one.predicted_ms,
            loss_change=change,
            loss_change_ci95=interval,
            score=looks[0].outcome.score,
            seconds=sum(look.outcome.seconds for look in looks),
            samples=len(looks),
        )
