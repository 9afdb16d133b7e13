"""The networks of a guideline by the clock, in turns with the reference and with each other."""

import random
from collections.abc import Sequence
from functools import partial

import numpy as np

from nas.bench.bench import Bench, Item, TimingSession
from nas.bench.measure import READINGS, ROUNDS, measurement
from nas.bench.rounds import Progress, Schedule, ratios, silent, take_rounds
from nas.bench.turns import Round
from nas.design.graph import Graph
from nas.design.guidelines.guideline import Guideline
from nas.errors import NasError
from nas.latency.guideline_result import GuidelineResult, GuidelinesReport, VariantTiming, compare_variants
from nas.runtimes.graphs.random_weights import random_weights
from nas.runtimes.runtime import Array


def measure_guidelines(
    guidelines: Sequence[Guideline], bench: Bench, rounds: int = ROUNDS, seed: int = 0, progress: Progress = silent
) -> GuidelinesReport:
    """All guidelines one after the other, the variants of each over the same rounds.

    A variant that the runtime rejects is reported with its reason. A board that rejects a model raises NasError.
    """
    found: list[GuidelineResult] = []
    contended = False
    for number, guideline in enumerate(guidelines):
        show = partial(_show, progress, number * rounds, len(guidelines) * rounds)
        timings = time_variants(guideline, bench, rounds, seed, show)
        found.append(compare_variants(guideline, timings))
        contended |= any(isinstance(one, VariantTiming) and one.contended for one in timings)
    return GuidelinesReport(bench.conditions(), rounds, contended, tuple(found))


def time_variants(
    guideline: Guideline, bench: Bench, rounds: int = ROUNDS, seed: int = 0, progress: Progress = silent
) -> list[VariantTiming | str]:
    """The timing of each variant, or the reason why the runtime rejects it."""
    with bench.open() as session:
        reasons = [
            _load(session, Item(variant.graph, READINGS, distinct_weights(variant.graph)))
            for variant in guideline.variants
        ]
        count = reasons.count(None)
        taken = take_rounds(session, count, Schedule(rounds, rounds), random.Random(seed), progress) if count else []
    numbers = iter(range(count))
    return [_timing(taken, next(numbers), bench.runtime.name) if reason is None else reason for reason in reasons]


def distinct_weights(graph: Graph) -> dict[str, Array]:
    """Random weights that differ from layer to layer.

    Those that are made up elsewhere repeat the same numbers, and OpenVINO computes parallel layers with equal weights
    once: four branches took a third of the time of one layer.
    """
    return {name: np.roll(array, place) for place, (name, array) in enumerate(random_weights(graph).items())}


def _load(session: TimingSession, item: Item) -> str | None:
    """Load a model; why it was rejected, if it was."""
    try:
        session.add([item])
    except NasError as error:
        return str(error)
    return None


def _timing(rounds: Sequence[Round], number: int, runtime: str) -> VariantTiming:
    found = measurement(rounds, number, runtime, None)
    return VariantTiming(found.measured_ms, tuple(ratios(rounds, number)), found.contended)


def _show(progress: Progress, before: int, total: int, _: str, done: int, __: int) -> None:
    progress("measuring guidelines", before + done, total)
