"""From a found architecture to finished networks: trained both ways, exported, timed, compared."""

import itertools
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct

from nas.algorithms.budgets import describe_limits, within
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.measured import wait_if_slow
from nas.algorithms.pipeline.records import Finished, Matched, Role
from nas.algorithms.workers.job_cache import derive
from nas.design.architecture import Architecture, digest
from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.design.known import known
from nas.design.published.dense import name_with_head
from nas.design.size import Size, describe_size
from nas.jobs import Outcome, Score, Teacher, Train
from nas.latency.timing import Measurement
from nas.units import told_ms, told_s

SEGMENTS = 3
GENTLE_SHARE = 1 / 3  # epochs of a fine-tune from inherited weights, as a share of a training from scratch
_TRIES = 5
WIDTHS = tuple(percent / 100 for percent in range(10, 600, 5))


class FinalTraining(Struct, frozen=True):
    """A long training: from scratch, or from weights; gently, where they are to be kept; from a teacher, if any."""

    architecture: Architecture
    epochs: float
    start: Path | None = None
    gentle: bool = False
    teacher: Teacher | None = None


def train_networks(ctx: Context, what: str, courses: Sequence[FinalTraining]) -> list[tuple[Outcome, Path]]:
    """Train networks, told as `what`, beside each other; outcomes at the resolution that ships, and weights.

    Trainings are journalled in segments, so that a killed run loses a segment at most.
    """
    jobs, began, done = [segments(ctx, course) for course in courses], time.monotonic(), 0
    for number in range(SEGMENTS):
        # A segment is run where it is not done, unless a later one is: its weights are deleted then.
        due = [chain[number] for chain in jobs if not any(ctx.work.has(job) for job in chain[number:])]
        if due and not done:
            ctx.say(f"Training {what}.")
        ctx.work.do(due, need_weights=True)
        done, left = done + bool(due), SEGMENTS - number - 1
        if due and left:
            left_s = (time.monotonic() - began) / done * left
            ctx.say(f"Training {what}: {number + 1} of {SEGMENTS} parts done, about {told_s(left_s)} left.")
        for chain in jobs:
            if number > 0 and ctx.work.has(chain[number]):
                ctx.work.path(chain[number - 1]).unlink(missing_ok=True)
    return [ctx.work.one(chain[-1]) for chain in jobs]


def segments(ctx: Context, course: FinalTraining) -> list[Train]:
    """The jobs of a training, one after another; the last one's weights are the trained network's."""
    arch, epochs = course.architecture, course.epochs
    seed = derive("train", ctx.settings.seed, digest(arch), course.gentle)
    ends = [epochs * segment / SEGMENTS for segment in range(SEGMENTS + 1)]
    jobs: list[Train] = []
    for first, last in itertools.pairwise(ends):
        before = ctx.work.path(jobs[-1]) if jobs else course.start
        jobs.append(Train(arch, first, last, epochs, seed, Path(), before, course.gentle, course.teacher))
    return jobs


def finish_network(ctx: Context, role: Role, name: str, arch: Architecture, weights: Path, trained: Score) -> Finished:
    """Export a network that scored `trained` at the end of its training; compare, time, validate and test the file."""
    key = _key(role, name, arch)
    model = ctx.folder / "models" / f"{key}{ctx.ships.suffix}"
    done = ctx.journal.find(Finished, key)
    if done is not None and model.exists():
        return done
    graph, difference = lower(arch), ctx.ships.export(arch, weights, model)
    test, by_class = ctx.ships.test(arch, model)
    finished = Finished(
        key=key,
        role=role,
        name=name,
        architecture=arch,
        params=params(graph),
        macs=macs(graph),
        predicted_ms=ctx.prices(arch).ms,
        measurement=_timed(ctx, role, lambda: ctx.ships.time(arch, weights, model)),
        trained=trained,
        validation=ctx.ships.validate(arch, model),
        test=test,
        by_class=by_class,
        model=model.name,
        weights=weights.name,
        max_output_difference=difference,
    )
    ctx.journal.add(finished)
    ctx.say(
        f"{role.capitalize()} {name}: validation {finished.validation.accuracy:.1%} (at the end of its training "
        f"{trained.accuracy:.1%}), "
        f"{told_ms(finished.measurement.measured_ms)} ms measured, {told_ms(finished.predicted_ms)} ms predicted."
    )
    return finished


def _key(role: Role, name: str, arch: Architecture) -> str:
    return f"{role}-{name}-{digest(arch)}"


def _timed(ctx: Context, role: Role, clock: Callable[[], Measurement]) -> Measurement:
    """The model by the clock. An ending above the target is timed again: the middle one of three timings counts."""
    found = clock()
    if role != "ending":
        return found
    if wait_if_slow(ctx, found):
        found = clock()
    if found.settled_ms <= ctx.settings.target_ms:
        return found
    return sorted([found, clock(), clock()], key=lambda one: one.settled_ms)[1]


def endings(ctx: Context, arch: Architecture, inherited: Path, teacher: Teacher | None = None) -> list[Finished]:
    """The found network retrained from scratch and fine-tuned from its inherited weights, best on validation first.

    MobileNetV3 retrains from scratch; others found that worse than keeping the weights. Both are tried, unless one was
    asked for. The fine-tuning learns from a `teacher`, if there is one.
    """
    epochs, asked = ctx.settings.epochs, ctx.settings.ending
    ways = {
        "scratch": FinalTraining(arch, epochs),
        "inherited": FinalTraining(arch, epochs * GENTLE_SHARE, inherited, gentle=True, teacher=teacher),
    }
    courses = ways if asked == "both" else {asked: ways[asked]}
    known = [end for name in courses if (end := ctx.journal.find(Finished, _key("ending", name, arch)))]
    if len(known) == len(courses) and _best_first(known)[0].measurement.settled_ms > ctx.settings.target_ms:
        return _best_first(known)  # the network was shrunk on, and their weights are deleted
    trained = train_networks(ctx, f"the network found ({' and '.join(courses)})", list(courses.values()))
    rows = zip(courses, trained, strict=True)
    return _best_first([finish_network(ctx, "ending", name, arch, weights, end.score) for name, (end, weights) in rows])


def _best_first(ends: Sequence[Finished]) -> list[Finished]:
    return sorted(ends, key=lambda end: (-end.validation.accuracy, end.validation.loss))


def baselines(ctx: Context, found: Architecture) -> list[Finished]:
    """Published networks at the found network's resolution, scaled to its measured latency, trained the same way.

    They are narrower if the budgets want it. One that is not within the budgets at any width is left out. A detector is
    compared with detectors, a segmenter with segmenters.
    """
    names = [name_with_head(name, found) for name in ctx.settings.published]
    matched = [(name, *match) for name in names if (match := same_latency(ctx, name, found))]
    trained = train_networks(ctx, "the baselines", [FinalTraining(arch, ctx.settings.epochs) for _, arch, _ in matched])
    return [
        finish_network(ctx, "baseline", f"{name}-{width:g}", arch, weights, end.score)
        for (name, arch, width), (end, weights) in zip(matched, trained, strict=True)
    ]


def tuned_baseline(
    ctx: Context, what: str, name: str, arch: Architecture, weights: Path, teacher: Teacher | None
) -> Finished:
    """A baseline that is told as `what` while it is fine-tuned from weights as the found network is."""
    course = FinalTraining(arch, ctx.settings.epochs * GENTLE_SHARE, weights, gentle=True, teacher=teacher)
    [(outcome, trained)] = train_networks(ctx, what, [course])
    return finish_network(ctx, "baseline", name, arch, trained, outcome.score)


def same_latency(ctx: Context, name: str, found: Architecture) -> tuple[Architecture, float] | None:
    """The width-scaled network nearest to the found one by the clock, both timed in turns; its width multiplier.

    Bisected from the width of equal MACs. Latency grows with width but for the grid of the kernels, so of all
    widths tried the nearest counts, not the last. None if no width is within the budgets.
    """
    scaled = partial(scale_to_width, name, resolution=found.resolution, classes=ctx.classes)
    width = matching_width(ctx, f"baseline-{name}-{digest(found)}", scaled, WIDTHS, found)
    if width is None:
        say_left_out(ctx, name)
        return None
    return scaled(width), width


def say_left_out(ctx: Context, name: str) -> None:
    """Tell that a baseline is left out because no network of it is within the budgets."""
    ctx.say(f"The baseline {name} is left out: no network of it has {describe_limits(ctx.budgets)}.")


def matching_width(
    ctx: Context, key: str, scaled: Callable[[float], Architecture], widths: Sequence[float], found: Architecture
) -> float | None:
    """The width multiplier at which a family of networks takes as long as the found one; the journal keeps it.

    The nearest within the budgets, if those allow no such one; None if they allow none at all.
    """
    choice, allowed = ctx.journal.find(Matched, key), [one for one in widths if within(scaled(one), ctx.budgets)]
    if choice is None and not allowed:
        return None
    if choice is None:
        tried: dict[float, float] = {}
        middle = equal_macs(scaled, allowed, macs(lower(found)))
        low, high = middle / 2, min(middle * 2, max(allowed))
        while middle not in tried and len(tried) < _TRIES:
            there, here = ctx.ships.measure([scaled(middle), found])
            tried[middle] = math.log(there.settled_ms / here.settled_ms)
            low, high = (middle, high) if tried[middle] < 0 else (low, middle)
            middle = round(math.sqrt(low * high), 2)
        choice = Matched(key, min(tried, key=lambda width: abs(tried[width])))
        ctx.journal.add(choice)
    return choice.width


def scale_to_width(name: str, width: float, resolution: Size, classes: int) -> Architecture:
    """A published network scaled in width."""
    return known(f"{name}-{width:.2f}-{describe_size(resolution)}", classes)


def equal_macs(scaled: Callable[[float], Architecture], widths: Sequence[float], wanted: int) -> float:
    """The width multiplier at which a network has about so many MACs."""
    return min(widths, key=lambda width: abs(macs(lower(scaled(width))) - wanted))
