"""Networks put together of a library as the sum of its scores says, rated, and the sum corrected by the ratings."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from nas.algorithms.budgets import Budget
from nas.algorithms.library.choose import Option, choose
from nas.algorithms.library.library import Library
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Trial
from nas.design.alternatives import Alternative, assembled
from nas.design.architecture import Architecture, digest
from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.design.size import Size, describe_size
from nas.jobs import Assemble, Outcome

Picks = tuple[int, ...]
"""Of every place the number of its option: 0 is the block that is there, the others are its alternatives."""

_ROUNDS = 3  # of solving, rating and correcting
_APART = 5  # networks differ at one of so many places at least
_TRIES = 6  # of a program whose answer misses a limit, since latencies do not quite add up
_RIDGE = 6.0  # ratings that say that the scores are right as they are


class Assembled(Struct, frozen=True):
    """A network of the library, what it is made of, and its mean loss as it was put together; `job` does that."""

    architecture: Architecture
    picks: Picks
    job: Assemble
    loss: float


def rate_assembled(ctx: Context, library: Library, resolutions: Sequence[Size], limit_ms: float) -> list[Assembled]:
    """Networks of the library within a latency and the budgets at each resolution, untrained; the best first."""
    latency = Budget("latency", "ms", limit_ms, lambda arch: ctx.prices(arch).ms)
    budgets = (latency, *ctx.budgets)
    each = max(1, math.ceil(ctx.settings.trials / (_ROUNDS * len(resolutions))))
    found: dict[Size, list[Assembled]] = {side: [] for side in resolutions}
    for _ in range(_ROUNDS if library.places else 0):
        wanted = [(side, picks) for side in found for picks in _solve(library, side, budgets, each, found[side])]
        for (side, _), one in zip(wanted, _rated(ctx, library, wanted), strict=True):
            found[side].append(one)
        if not any(found.values()):
            break
        _tell(ctx, found)
    if not any(found.values()):
        ctx.say("No network of the block library is within the limits.")
    return sorted((one for several in found.values() for one in several), key=lambda one: one.loss)


def _tell(ctx: Context, found: dict[Size, list[Assembled]]) -> None:
    """What the best networks so far lose, put together and untrained."""
    best = (min(several, key=lambda one: one.loss) for several in found.values() if several)
    losses = ", ".join(f"{one.loss:.3f} at {describe_size(one.architecture.resolution)} px" for one in best)
    ctx.say(f"{sum(map(len, found.values()))} networks of the block library looked at; least loss {losses}.")


def _rated(ctx: Context, library: Library, wanted: Sequence[tuple[Size, Picks]]) -> list[Assembled]:
    """Put together and looked at."""
    jobs = [_job(library, side, picks) for side, picks in wanted]
    return [
        Assembled(_noted(ctx, _network(library, side, picks), outcome), picks, job, outcome.score.loss)
        for (side, picks), job, outcome in zip(wanted, jobs, ctx.work.do(jobs), strict=True)
    ]


def weights_of(ctx: Context, one: Assembled) -> Path:
    """A network put together once more, to train it on."""
    return ctx.work.one(replace(one.job, keep=True))[1]


def _solve(
    library: Library, side: Size, budgets: Sequence[Budget], count: int, known: Sequence[Assembled]
) -> list[Picks]:
    """So many more networks of a resolution, each the best that differs from all before it."""
    places = _options(library, side, budgets, _factors(library, known))
    found = [one.picks for one in known]
    for _ in range(count):
        picks = _within(library, side, places, budgets, found)
        if picks is None:
            break
        found.append(picks)
    return found[len(known) :]


def _within(
    library: Library, side: Size, places: list[list[Option]], budgets: Sequence[Budget], others: list[Picks]
) -> Picks | None:
    """The best network that is within the budgets as a whole; None if there is no other."""
    whole = replace(library.teacher.architecture, resolution=side)
    left = [budget.limit - budget.cost(whole) for budget in budgets]
    for _ in range(_TRIES):
        picks = choose(places, left, others, max(1, len(places) // _APART))
        if picks is None:
            return None
        arch, saved = _network(library, side, picks), _sums(places, picks)
        over = [budget.cost(arch) - budget.limit for budget in budgets]
        if max(over) <= 0:
            return picks
        left = [min(a, b) - c if c > 0 else a for a, b, c in zip(left, saved, over, strict=True)]
    return None


def _sums(places: list[list[Option]], picks: Picks) -> list[float]:
    """What the picks change in each of the costs, were they to add up."""
    taken = (options[n].costs for options, n in zip(places, picks, strict=True))
    return [sum(costs) for costs in zip(*taken, strict=True)]


def _options(
    library: Library, side: Size, budgets: Sequence[Budget], factors: NDArray[np.float64]
) -> list[list[Option]]:
    """Of every place the block that is there, which changes nothing, and its alternatives."""
    arch = replace(library.teacher.architecture, resolution=side)
    whole = [budget.cost(arch) for budget in budgets]

    def changes(one: Alternative) -> tuple[float, ...]:
        changed = assembled(arch, [one])
        return tuple(budget.cost(changed) - before for budget, before in zip(budgets, whole, strict=True))

    return [
        [
            Option(0.0, (0.0,) * len(budgets)),
            *(Option(factor * loss, changes(one)) for one, loss in zip(place.alternatives, place.losses, strict=True)),
        ]
        for place, factor in zip(library.places, factors, strict=True)
    ]


def _factors(library: Library, known: Sequence[Assembled]) -> NDArray[np.float64]:
    """What every place's scores count in the sum."""
    rows = [[(0.0, *place.losses)[n] for place, n in zip(library.places, one.picks, strict=True)] for one in known]
    return corrected(np.array(rows), np.array([one.loss for one in known])) if known else np.ones(len(library.places))


def corrected(scores: NDArray[np.float64], ratings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factors of the columns of scores [networks, places] whose sums come nearest to the ratings [networks].

    Ridge regression, with a constant, towards factors of 1: few ratings change little. None is below zero.
    """
    centred, missed = scores - scores.mean(0), ratings - scores.sum(1)
    square = centred.T @ centred
    ridge = _RIDGE * np.trace(square) / square.shape[0] / len(scores) + 1e-12
    change = np.linalg.solve(square + ridge * np.eye(len(square)), centred.T @ (missed - missed.mean()))
    factors: NDArray[np.float64] = np.maximum(0.0, 1 + change)
    return factors


def _chosen(library: Library, picks: Picks) -> tuple[Alternative, ...]:
    return tuple(place.alternatives[n - 1] for place, n in zip(library.places, picks, strict=True) if n)


def _network(library: Library, side: Size, picks: Picks) -> Architecture:
    return replace(assembled(library.teacher.architecture, _chosen(library, picks)), resolution=side)


def _job(library: Library, side: Size, picks: Picks) -> Assemble:
    files = tuple(place.file for place, n in zip(library.places, picks, strict=True) if n)
    teacher = library.teacher
    return Assemble(teacher.architecture, teacher.weights, _chosen(library, picks), files, side, Path())


def _noted(ctx: Context, arch: Architecture, outcome: Outcome) -> Architecture:
    """The network, once the journal has it as a trial, so that the report shows it."""
    key, graph, price = f"assembled-{digest(arch)}", lower(arch), ctx.prices(arch)
    ctx.journal.add(
        Trial(
            key=key,
            number=len(ctx.journal.all(Trial)),
            architecture=arch,
            params=params(graph),
            macs=macs(graph),
            predicted_ms=price.ms,
            error_bound_ms=price.error_bound_ms,
            state="complete",
            score=outcome.score,
            epochs=0.0,
            seconds=outcome.seconds,
            value=outcome.score.accuracy,
        )
    )
    return arch
