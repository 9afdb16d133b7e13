"""NetAdapt as MobileNetV3 uses it (section 4.2): shrink one group of channels at a time until the target is met."""

import time
from collections.abc import Sequence
from pathlib import Path

from nas.algorithms.netadapt.proposal_evaluation import Tuning
from nas.algorithms.netadapt.proposals import Proposed, propose
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


def saving(distance_ms: float, delta_ms: float) -> float:
    """The least that a step must save: delta near the goal, up to twice that while the goal is far.

    NetAdapt's own schedule starts with larger steps too; every step costs as much as any other.
    """
    return min(max(distance_ms / 2, delta_ms), 2 * delta_ms)


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

    @property
    def _delta_ms(self) -> float:
        """The least that a step is to save."""
        return self.ctx.settings.delta * self.steps[0].predicted_ms

    def shrink(self, goal_ms: float) -> None:
        """Take steps until the prediction is at or below the goal; Unreachable if no group can be cut further."""
        began, from_ms = time.monotonic(), self.current.predicted_ms
        while self.current.predicted_ms > goal_ms:
            known = self.ctx.journal.find(Step, f"step-{len(self.steps)}")
            if known is not None and (self.folder / known.weights).exists():
                self.steps.append(known)
                from_ms = known.predicted_ms
            else:
                self.steps.append(self._step(goal_ms))
                self.ctx.work.keep([self.folder / step.weights for step in self.steps])
                pace = (time.monotonic() - began) / (from_ms - self.current.predicted_ms)
                self._tell(goal_ms, pace * (self.current.predicted_ms - goal_ms))
            if self.ctx.export_steps:
                self._export()

    def _tell(self, goal_ms: float, left_s: float) -> None:
        step = self.current
        left = f"; about {told_s(left_s)} left to {told_ms(goal_ms)} ms" if left_s > 0 else ""
        self.ctx.say(
            f"NetAdapt step {step.step}: {step.name}, {told_ms(step.predicted_ms)} ms predicted, "
            f"{step.score.accuracy:.1%}{left}."
        )

    def _export(self) -> None:
        """Write the current step's model, architecture and weights."""
        step = self.current
        model = self.ctx.folder / "steps" / f"{step.step}{self.ctx.ships.suffix}"
        if not model.exists():
            write_json(model.with_suffix(".json"), step.architecture)
            write_bytes(model.with_suffix(".safetensors"), self.weights.read_bytes())
            self.ctx.ships.export(step.architecture, self.weights, model)

    def _propose(self, goal_ms: float) -> list[Proposed]:
        """Proposals that save what is wanted; where few can, delta, then a tenth of it, at the very end anything.

        None has to save more than all that is wanted.
        """
        ctx, parent, delta_ms = self.ctx, self.current, self._delta_ms
        distance_ms = parent.predicted_ms - goal_ms
        wanted_ms = saving(distance_ms if self._reference else distance_ms / _AT_ONCE, delta_ms)
        for least_ms, enough in ((wanted_ms, _ENOUGH), (delta_ms, 1), (0.1 * delta_ms, 1), (0.0, 1)):
            limit_ms = max(parent.predicted_ms - least_ms, goal_ms)
            found = propose(
                parent.architecture,
                limit_ms,
                ctx.prices,
                ctx.settings.proposals,
                ctx.noise,
                ctx.settings.auto_resolution,
                ctx.settings.keep,
            )
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
        tuning = Tuning(self.ctx, number, parent, goal_ms)
        choice = self._choose(tuning, proposed, goal_ms)
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
        )
        self.ctx.journal.add(step)
        return step

    def _choose(self, tuning: Tuning, proposed: Sequence[Proposed], goal_ms: float) -> Choice:
        return reference(tuning, proposed) if self._reference else cheap(tuning, proposed, self._room(goal_ms))

    @property
    def _reference(self) -> bool:
        return self.ctx.settings.mode == "reference"

    def _room(self, goal_ms: float) -> Room:
        """For edits at once: no more than two thirds of the way while the goal is far, all of it when it is near."""
        distance_ms = self.current.predicted_ms - goal_ms
        far = distance_ms > _FAR * self._delta_ms
        return Room(distance_ms * 2 / 3, 0.0) if far else Room(distance_ms, self._delta_ms)

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
