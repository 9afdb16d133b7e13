"""NetAdapt as MobileNetV3 uses it (section 4.2): shrink one group of channels at a time until the target is met."""

import time
from collections.abc import Sequence
from pathlib import Path

from nas.algorithms.netadapt.goal import Goal
from nas.algorithms.netadapt.proposal_evaluation import Tuning
from nas.algorithms.netadapt.proposals import Proposed, propose, propose_within
from nas.algorithms.netadapt.step_strategies import Choice, Room, cheap, reference
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Step
from nas.design.edits.edit import Edit, describe_edit, edited
from nas.design.files import write_bytes, write_json
from nas.errors import Diverged, Unreachable
from nas.jobs import Outcome
from nas.units import told_ms, told_s

_FAR = 4  # times delta from the goal, and edits that are made at once do not go all the way to it
_AT_ONCE = 4  # edits among which those that are made at once share what is to be saved
_ENOUGH = 4  # proposals without which a larger step is no choice but a sacrifice


def saving(distance: float, delta: float) -> float:
    """The least that a step must save: delta near the goal, up to twice that while the goal is far.

    NetAdapt's own schedule starts with larger steps too; every step costs as much as any other.
    """
    return min(max(distance / 2, delta), 2 * delta)


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

    def _delta(self, goal: Goal) -> float:
        """The least that a step is to save."""
        return self.ctx.settings.delta * goal.cost(self.steps[0])

    def _next_goal(self, goal_ms: float) -> Goal | None:
        """Return what the next step lowers: latency, then the first budget that is over; None if all are met."""
        goals = [Goal(goal_ms), *(Goal(budget.limit, budget) for budget in self.ctx.budgets)]
        return next((goal for goal in goals if goal.excess(self.current) > 0), None)

    def shrink(self, goal_ms: float) -> None:
        """Take steps until the predicted latency is at or below the goal and all budgets are met.

        Raises Unreachable if no group can be cut further.
        """
        began, start = time.monotonic(), self.current
        while goal := self._next_goal(goal_ms):
            known = self.ctx.journal.find(Step, f"step-{len(self.steps)}")
            if known is not None and (self.folder / known.weights).exists():
                self.steps.append(known)
                start = known
            else:
                self.steps.append(self._step(goal))
                self.ctx.work.keep([self.folder / step.weights for step in self.steps])
                saved = goal.cost(start) - goal.cost(self.current)
                pace = (time.monotonic() - began) / saved if saved > 0 else 0.0
                self._tell(goal, pace * goal.excess(self.current))
            if self.ctx.export_steps:
                self._export()

    def _tell(self, goal: Goal, left_s: float) -> None:
        step = self.current
        left = f"; about {told_s(left_s)} left to {goal.describe(goal.limit)}" if left_s > 0 else ""
        costs = "".join(f", {one.describe(one.cost(step.architecture))}" for one in self.ctx.budgets)
        self.ctx.say(
            f"NetAdapt step {step.step}: {step.name}, {told_ms(step.predicted_ms)} ms predicted, "
            f"{step.score.accuracy:.1%}{costs}{left}."
        )

    def _export(self) -> None:
        """Write the current step's model, architecture and weights."""
        step = self.current
        model = self.ctx.folder / "steps" / f"{step.step}{self.ctx.ships.suffix}"
        if not model.exists():
            write_json(model.with_suffix(".json"), step.architecture)
            write_bytes(model.with_suffix(".safetensors"), self.weights.read_bytes())
            self.ctx.ships.export(step.architecture, self.weights, model)

    def _propose(self, goal: Goal) -> list[Proposed]:
        """Proposals that save what is wanted; where few can, delta, then a tenth of it, at the very end anything.

        None has to save more than all that is wanted.
        """
        delta, distance = self._delta(goal), goal.excess(self.current)
        wanted = saving(distance if self._reference else distance / _AT_ONCE, delta)
        for least, enough in ((wanted, _ENOUGH), (delta, 1), (0.1 * delta, 1), (0.0, 1)):
            found = self._reaching(goal, max(goal.cost(self.current) - least, goal.limit))
            if len(found) >= enough:
                return found
        return []

    def _reaching(self, goal: Goal, limit: float) -> list[Proposed]:
        """Proposals that lower what the goal is about to a limit."""
        ctx, settings, arch = self.ctx, self.ctx.settings, self.current.architecture
        rest = settings.auto_resolution, settings.keep
        if goal.budget is None:
            return propose(arch, limit, ctx.prices, settings.proposals, ctx.noise, *rest)
        return propose_within(arch, limit, goal.budget, ctx.prices, settings.proposals, *rest)

    def _step(self, goal: Goal) -> Step:
        number, parent = len(self.steps), self.current
        proposed = self._propose(goal)
        if not proposed:
            raise Unreachable(_describe_end(goal, parent))
        tuning = Tuning(self.ctx, number, parent, goal)
        choice = self._choose(tuning, proposed, goal)
        self.ctx.journal.add(*choice.proposals)
        edit, outcome, weights = self._tuned(tuning, choice.edits)
        arch = edited(parent.architecture, edit)
        step = Step(
            key=f"step-{number}",
            step=number,
            name=describe_edit(parent.architecture, edit),
            architecture=arch,
            predicted_ms=self.ctx.prices(arch).ms,
            score=outcome.score,
            weights=weights.name,
            edit=edit,
            lowers=goal.lowers,
        )
        self.ctx.journal.add(step)
        return step

    def _choose(self, tuning: Tuning, proposed: Sequence[Proposed], goal: Goal) -> Choice:
        return reference(tuning, proposed) if self._reference else cheap(tuning, proposed, self._room(goal))

    @property
    def _reference(self) -> bool:
        return self.ctx.settings.mode == "reference"

    def _room(self, goal: Goal) -> Room:
        """For edits at once: no more than two thirds of the way while the goal is far, all of it when it is near."""
        distance, delta = goal.excess(self.current), self._delta(goal)
        return Room(distance * 2 / 3, 0.0) if distance > _FAR * delta else Room(distance, delta)

    def _tuned(self, tuning: Tuning, edits: Sequence[Edit]) -> tuple[Edit, Outcome, Path]:
        """The first edit whose fine-tune ends well, with its weights."""
        for edit in edits:
            outcome, weights = self.ctx.work.one(tuning.job(edit, self.ctx.settings.steps))
            if tuning.accepts(edit, outcome):
                return edit, outcome, weights
        raise Diverged(
            f"NetAdapt cannot go on from step {self.current.step}: no proposal's training gave a finite loss. "
            "Its weights are kept; start over with other weights or data."
        )


def _describe_end(goal: Goal, parent: Step) -> str:
    """Say that nothing is left to lower, and what would help."""
    cost = goal.describe(goal.cost(parent))
    ask = (
        "Ask for more time" if goal.budget is None else f"Give --max-{goal.lowers} of at least {goal.cost(parent):.0f}"
    )
    return (
        f"NetAdapt cannot shrink further than {cost}: no group of channels is left whose cut lowers that. {ask} or "
        "start from a smaller network."
    )
