"""NetAdapt as MobileNetV3 uses it (section 4.2): shrink one group of channels at a time until the target is met."""

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.design.edit import Edit, Narrow, apply, cuts, told, width_of
from nas.errors import Unreachable
from nas.search.context import Context
from nas.search.interval import paired_ci95
from nas.search.ports import Adapt, Outcome, Prices
from nas.search.records import Proposal, Step
from nas.search.work import derive
from nas.units import told_ms

_LOOK = 4  # candidate widths priced together for every group
MIN_WIDTH = 8


class Cutting(Struct, frozen=True):
    """A proposal before it is tuned: the edit, the network it leaves and its predicted latency."""

    edit: Edit
    architecture: Architecture
    predicted_ms: float


def widths_below(width: int) -> Iterator[int]:
    """Candidate widths, widest first: multiples of 8 for narrow layers, of 16 and 32 for wide ones."""
    grid = 8 if width <= 128 else 16 if width <= 512 else 32
    yield from range((width - 1) // grid * grid, MIN_WIDTH - 1, -grid)


def propose(arch: Architecture, limit_ms: float, prices: Prices) -> list[Cutting]:
    """For every group of channels the widest cut that is predicted within `limit_ms`.

    Each width is priced by its own measured entries, so a narrower network that is not faster (off the grid of the
    runtime's blocked kernels) is passed over. Groups that cannot reach the limit make no proposal.
    """
    found: list[Cutting] = []
    waiting = {cut: list(widths_below(width_of(arch, cut))) for cut in cuts(arch)}
    while waiting:
        looks = {cut: [(width, apply(arch, cut, width)) for width in widths[:_LOOK]] for cut, widths in waiting.items()}
        prices.ensure(cut_arch for look in looks.values() for _, cut_arch in look)
        for cut, look in looks.items():
            priced = (Cutting(Narrow(cut, width), cut_arch, prices(cut_arch).ms) for width, cut_arch in look)
            within = next((cutting for cutting in priced if cutting.predicted_ms <= limit_ms), None)
            if within is not None:
                found.append(within)
            if within is not None or len(waiting[cut]) <= _LOOK:
                del waiting[cut]
            else:
                waiting[cut] = waiting[cut][_LOOK:]
    return sorted(found, key=lambda cutting: cutting.edit.name)


def saving(distance_ms: float, delta_ms: float) -> float:
    """The least that a step must save: delta near the goal, up to twice that while the goal is far.

    NetAdapt's own schedule starts with larger steps too; every step costs as much as any other.
    """
    return min(max(distance_ms / 2, delta_ms), 2 * delta_ms)


def preference(
    loss_change: float, interval: tuple[float, float], saved_ms: float, name: str
) -> tuple[float, float, str]:
    """Sort key of a proposal, the smallest wins: least loss per millisecond saved.

    The paper's ratio has no meaning where accuracy does not fall (of two gains the smaller cut would win). Where
    the paired interval includes zero or a gain, the cut counts as free, and of free cuts the largest wins.
    """
    cost = loss_change / saved_ms if interval[0] > 0 else 0.0
    return (cost, -saved_ms, name)


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

    def _propose(self, goal_ms: float) -> list[Cutting]:
        """Proposals that save what is wanted; where no group can, delta, and at the very end a tenth of it."""
        parent, delta_ms = self.current, self.ctx.settings.delta * self.steps[0].predicted_ms
        for least_ms in (saving(parent.predicted_ms - goal_ms, delta_ms), delta_ms, 0.1 * delta_ms):
            found = propose(parent.architecture, parent.predicted_ms - least_ms, self.ctx.prices)
            if found:
                return found
        return []

    def _step(self, goal_ms: float) -> Step:
        number, parent = len(self.steps), self.current
        cuttings = self._propose(goal_ms)
        if not cuttings:
            raise Unreachable(
                f"NetAdapt cannot shrink further than {parent.predicted_ms:.3g} ms: no group of channels is left whose "
                "cut is faster. Ask for more time or start from a smaller network."
            )
        # The parent is tuned as well: against it, what training alone gains is not counted as the cut's gain.
        jobs = [self._job(None), *(self._job(cutting.edit) for cutting in cuttings)]
        control, *outcomes = self.ctx.work.do(jobs)
        proposals = [
            self._proposal(number, cutting, outcome, control)
            for cutting, outcome in zip(cuttings, outcomes, strict=True)
        ]
        for proposal in proposals:
            self.ctx.journal.add(proposal)
        ranked = zip(proposals, cuttings, strict=True)
        best, chosen = min(ranked, key=lambda pair: _preference(pair[0], parent.predicted_ms))
        _, weights = self.ctx.work.one(self._job(chosen.edit))
        step = Step(f"step-{number}", number, best.name, best.architecture, best.predicted_ms, best.score, weights.name)
        self.ctx.journal.add(step)
        return step

    def _job(self, edit: Edit | None) -> Adapt:
        settings, number = self.ctx.settings, len(self.steps)
        seed = derive("adapt", settings.seed, number)
        return Adapt(self.current.architecture, self.weights, edit, settings.steps, seed, Path())

    def _proposal(self, number: int, cutting: Cutting, outcome: Outcome, control: Outcome) -> Proposal:
        change, interval = paired_ci95(outcome.losses, control.losses)
        return Proposal(
            key=f"proposal-{number}-{cutting.edit.name}",
            step=number,
            name=told(self.current.architecture, cutting.edit),
            architecture=cutting.architecture,
            predicted_ms=cutting.predicted_ms,
            loss_change=change,
            loss_change_ci95=interval,
            score=outcome.score,
            seconds=outcome.seconds,
        )


def _preference(proposal: Proposal, parent_ms: float) -> tuple[float, float, str]:
    saved_ms = parent_ms - proposal.predicted_ms
    return preference(proposal.loss_change, proposal.loss_change_ci95, saved_ms, proposal.name)
