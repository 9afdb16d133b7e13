"""Rounds of turns, as many as the time allows, and what is read from them."""

import math
import random
import statistics
from collections.abc import Callable, Container, Sequence

import numpy as np
from msgspec import Struct

from nas.bench.bench import TimingSession
from nas.bench.turns import Round, Turn, as_round, typical_ms
from nas.latency.timing import Timing

# What is going on, how much of it is done, how much there is.
Progress = Callable[[str, int, int], None]
# A subject whose rounds agree this well is not visited again.
_NARROW = 0.01
# A round whose anchors are off by more than this is left out.
_MOVED = 0.05


class Schedule(Struct, frozen=True):
    """At least and at most this many rounds, the ones beyond the least only within `budget_s`."""

    least: int = 3
    most: int = 9
    budget_s: float = 60.0


def silent(what: str, done: int, total: int) -> None:
    """The `Progress` that shows nothing."""


def take_rounds(
    session: TimingSession,
    count: int,
    schedule: Schedule,
    rng: random.Random,
    progress: Progress = silent,
    anchors: Sequence[int] = (),
) -> list[Round]:
    """Full rounds over the first `count` subjects, then further ones for those whose rounds still disagree.

    Every round visits the anchors; those that moved them are left out (see `steady`).
    """
    rounds: list[Round] = []
    began = session.now_s()
    numbers = list(range(count))
    while len(rounds) < schedule.least or (numbers and _time_left(rounds, began, schedule, session)):
        progress("timing in turns", len(rounds), schedule.least)
        rng.shuffle(numbers)
        rounds.append(as_round(session.visits(numbers)))
        if len(rounds) >= schedule.least:
            open_ones = {i for i in numbers if spread(ratios(rounds, i)) > _NARROW}
            numbers = sorted(open_ones.union(anchors)) if open_ones.difference(anchors) else []
    return steady(rounds, anchors, schedule.least)


def steady(rounds: list[Round], anchors: Sequence[int], least: int) -> list[Round]:
    """The rounds in which the anchors, in the middle, stood where they stand over all rounds.

    A round that moved whole networks against the reference would say so of everything it timed. Of such a round only
    the subjects stay that no steady round visited. Where fewer than `least` rounds would be left, all are kept whole,
    and the drift is the table's to tell.
    """
    if not anchors:
        return rounds
    usual = {number: statistics.median(ratios(rounds, number)) for number in anchors}

    def moved(found: Round) -> bool:
        return abs(statistics.median(found.turns[number].ratio / usual[number] for number in anchors) - 1) > _MOVED

    kept = [found for found in rounds if not moved(found)]
    if len(kept) < least:
        return rounds
    seen = {number for found in kept for number in found.turns}
    return [*kept, *(rest for found in rounds if moved(found) and (rest := _without(found, seen)).turns)]


def _without(found: Round, numbers: Container[int]) -> Round:
    """A round less the turns of these subjects."""
    return Round({number: turn for number, turn in found.turns.items() if number not in numbers}, found.reference)


def _time_left(rounds: list[Round], began: float, schedule: Schedule, session: TimingSession) -> bool:
    spent = session.now_s() - began
    return len(rounds) < schedule.most and spent + spent / len(rounds) <= schedule.budget_s


def turns_of(rounds: Sequence[Round], number: int) -> list[Turn]:
    """A subject's turns over the rounds that visited it."""
    return [found.turns[number] for found in rounds if number in found.turns]


def ratios(rounds: Sequence[Round], number: int) -> list[float]:
    """A subject's time over the reference's, one value a round."""
    return [turn.ratio for turn in turns_of(rounds, number)]


def spread(values: Sequence[float]) -> float:
    """The standard error of the mean, relative to the median."""
    if len(values) < 2:
        return float("inf")
    return statistics.stdev(values) / math.sqrt(len(values)) / statistics.median(values)


def nominal_ms(rounds: Sequence[Round]) -> float:
    """The reference's time at the speed that the device usually has: the median of all visits."""
    return statistics.median(reference_times(rounds))


def reference_times(rounds: Sequence[Round]) -> list[float]:
    """The reference's milliseconds, visit by visit."""
    return [typical_ms(visit.ticks) for found in rounds for visit in found.reference]


def disturbed_share(rounds: Sequence[Round], numbers: Sequence[int]) -> float:
    """The share of readings of these subjects during which the scheduler took the core away."""
    flags = [tick.disturbed for i in numbers for turn in turns_of(rounds, i) for tick in turn.visit.ticks]
    return float(np.mean(flags)) if flags else 0.0


def timing(turns: Sequence[Turn], reference_ms: float, call_ms: float = 0.0) -> Timing:
    """The timing of an entry at the reference's nominal time, less what the call itself costs.

    Quantiles are over all readings, each over the reference of its own turn; the headline is the median of rounds.
    """
    every = [ms / turn.reference_ms for turn in turns for ms in turn.times_ms]
    p10, p90 = np.quantile(every, (0.1, 0.9))
    middle = statistics.median(turn.ratio for turn in turns)

    def net(ratio: float) -> float:
        gross = ratio * reference_ms
        # A tiny op costs about as much as the call: keep it above zero whatever the noise says.
        return float(max(gross - call_ms, 0.05 * gross))

    runs = len(every)
    return Timing(net(middle), net(min(p10, middle)), net(max(p90, middle)), runs, len(turns))
