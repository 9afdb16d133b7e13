"""How fast this machine trains, looks and times: measured on a network about as fast as what is searched for."""

import math
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from msgspec import Struct

from nas.algorithms.block_search.latency_band import spread_draws
from nas.algorithms.budgets import Budget
from nas.algorithms.finish.final_training import WIDTHS, equal_macs, scale_to_width
from nas.algorithms.netadapt.proposals import LEAST_WIDTH
from nas.algorithms.pipeline.context import EvaluatorKind
from nas.algorithms.planning.time_budget import Rates
from nas.design.architecture import Architecture, digest
from nas.design.container import supernet_architecture
from nas.design.cost import macs
from nas.design.edits.edit import Narrow, cuts, width_of
from nas.design.graph import lower
from nas.design.published.dense import name_with_head
from nas.design.size import Size
from nas.design.space import COMPARED_WITH, SearchSpace
from nas.interfaces import Deployer, JobPool
from nas.jobs import Adapt, EvaluateEdits, EvaluateShared, ImportanceName, Outcome, Share, SharingRule, Train

_SHORT, _LONG = 2, 10  # mini-batches of two trainings: their difference is free of what either does besides
_SHARE_LONG = 5
_SLOW_S = 4.0  # where even the short one takes so long, the long one is shortened
_TIMED = (0.1, 0.5, 0.9)  # networks by their place in the order of MACs
_SHARED = 20  # networks that share weights
_DOWN_TO, _UP_TO = 0.75, 1.06  # of the target: the networks that would share weights
_PART = 0.25  # of the proposals that are looked at
_EXPORT_S = 2.0  # writing a model and comparing its outputs


class PlannedSearch(Struct, frozen=True):
    """What is to be planned: `batches` mini-batches an epoch, `tested` images of the validation and test splits.

    `table_s` are the seconds that it takes to have a latency table.
    """

    space: SearchSpace
    resolution: Size
    classes: int
    target_ms: float
    evaluator: EvaluatorKind
    workers: int
    batches: int
    tested: int
    table_s: float
    seed: int
    sharing: SharingRule = "single-path"
    importance: ImportanceName = "l2"
    budgets: tuple[Budget, ...] = ()


def measure_throughput(
    subject: PlannedSearch, pool: JobPool, ships: Deployer, folder: Path, now: Callable[[], float]
) -> Rates:
    """Seconds of everything that a search does many times; weights go to `folder`, `now` is a clock in seconds.

    On every worker at once, for side by side they are slower than alone.
    """
    began = now()
    drawn = spread_draws(subject.space, subject.seed, subject.resolution, subject.classes, subject.budgets)
    draws = [arch for _, arch in drawn]
    times = estimate_by_macs(draws, ships)
    clock_s = (now() - began) / len(_TIMED)
    typical = nearest(draws, times, subject.target_ms)
    step_s, look_s, weights = _training(subject, typical, pool, folder / "typical")
    twin_step_s, _, _ = _training(subject, same_macs_baseline(typical, subject), pool, folder / "twin")
    adapt = Adapt(typical, weights, None, 0, subject.seed, folder / "adapted.safetensors")
    proposals = quarters(typical)
    some = proposals[:: round(1 / _PART)]
    screen = EvaluateEdits(typical, weights, some, folder / "screened", subject.importance, repair=True)
    adapted, screened = pool([adapt, screen])
    share_step_s, judge_s = 0.0, 0.0
    if subject.evaluator == "supernet":
        share_step_s, judge_s = _sharing(subject, _band(draws, times, subject.target_ms), typical, pool, folder)
    return Rates(
        spent_s=now() - began,
        table_s=subject.table_s,
        step_s=step_s,
        twin_step_s=twin_step_s,
        look_s=look_s,
        share_step_s=share_step_s,
        judge_s=judge_s,
        adapt_s=adapted.seconds,
        screen_s=screened.seconds * len(proposals) / len(some),
        clock_s=clock_s,
        test_s=_EXPORT_S + subject.tested * times[draws.index(typical)] / 1000,
        proposals=len(cuts(typical)),
    )


def quarters(arch: Architecture) -> tuple[Narrow, ...]:
    """Every cut that NetAdapt may make, by about a quarter of its width."""
    widths = [(cut, width_of(arch, cut)) for cut in cuts(arch)]
    return tuple(Narrow(cut, max(LEAST_WIDTH, width * 3 // 4)) for cut, width in widths if width > LEAST_WIDTH)


def estimate_by_macs(draws: Sequence[Architecture], ships: Deployer) -> list[float]:
    """A rough latency of every network, from the MACs and the measured latency of three of them."""
    counts = np.array([macs(lower(arch)) for arch in draws])
    order = np.argsort(counts, kind="stable")
    timed = [order[int(place * (len(draws) - 1))] for place in _TIMED]
    measured = [found.measured_ms for found in ships.measure([draws[i] for i in timed])]
    slope, offset = np.polyfit(np.log(counts[timed]), np.log(measured), 1)
    return [float(ms) for ms in np.exp(offset + slope * np.log(counts))]


def nearest(draws: Sequence[Architecture], times_ms: Sequence[float], target_ms: float) -> Architecture:
    """The network whose latency is nearest to the target."""
    return min(zip(draws, times_ms, strict=True), key=lambda pair: abs(math.log(pair[1] / target_ms)))[0]


def same_macs_baseline(typical: Architecture, subject: PlannedSearch) -> Architecture:
    """A baseline for it. It has other layers, and with as many MACs may train several times as slowly."""
    side, classes = subject.resolution, subject.classes
    scaled = partial(scale_to_width, name_with_head(COMPARED_WITH[0], typical), resolution=side, classes=classes)
    return scaled(equal_macs(scaled, WIDTHS, macs(lower(typical))))


def _band(draws: Sequence[Architecture], times_ms: Sequence[float], target_ms: float) -> list[Architecture]:
    """Networks of those that would share weights, fewest MACs first."""
    inside = [arch for arch, ms in zip(draws, times_ms, strict=True) if _DOWN_TO <= ms / target_ms <= _UP_TO]
    chosen = set(inside[:_SHARED]) or {nearest(draws, times_ms, target_ms)}
    return sorted(chosen, key=lambda arch: (macs(lower(arch)), digest(arch)))


def _training(subject: PlannedSearch, arch: Architecture, pool: JobPool, folder: Path) -> tuple[float, float, Path]:
    """Seconds of a mini-batch and of the look at the end of a training, and trained weights."""

    folder.mkdir()
    files = [folder / f"trained{number}.safetensors" for number in range(subject.workers)]

    def run(steps: int) -> list[Outcome]:
        epochs = steps / subject.batches
        return list(pool([Train(arch, 0.0, epochs, epochs, subject.seed, out) for out in files]))

    run(1)  # the first mini-batch of a process takes longer than any other
    short = _seconds(run(_SHORT))
    most = _LONG if short < _SLOW_S else 2 * _SHORT
    return *line(_SHORT, short, most, _seconds(run(most))), files[0]


def _sharing(
    subject: PlannedSearch, networks: Sequence[Architecture], typical: Architecture, pool: JobPool, folder: Path
) -> tuple[float, float]:
    """Seconds of a mini-batch of shared weights, which one worker trains, and of a look with them."""
    big = supernet_architecture(subject.space, subject.resolution, subject.classes)
    ends = networks[-1], networks[0]

    def run(steps: int, name: str) -> Outcome:
        epochs = steps / subject.batches
        out, rule = folder / name, subject.sharing
        [found] = pool([Share(big, *ends, tuple(networks), 0.0, epochs, epochs, subject.seed, out, None, rule)])
        return found

    short, long = run(_SHORT, "share.safetensors"), run(_SHARE_LONG, "shared.safetensors")
    judge = EvaluateShared(typical, big, folder / "shared.safetensors", folder / "judged.safetensors")
    looks = list(pool([judge] * (2 * subject.workers)))
    return line(_SHORT, short.seconds, _SHARE_LONG, long.seconds)[0], _seconds(looks[-subject.workers :])


def line(few: int, few_s: float, many: int, many_s: float) -> tuple[float, float]:
    """Seconds a step and seconds besides, from two runs; where noise makes either nonsense, all are the steps'."""
    step_s = (many_s - few_s) / (many - few)
    besides_s = few_s - few * step_s
    return (step_s, besides_s) if step_s > 0 and besides_s >= 0 else (many_s / many, 0.0)


def _seconds(outcomes: Sequence[Outcome]) -> float:
    return statistics.fmean(outcome.seconds for outcome in outcomes)
