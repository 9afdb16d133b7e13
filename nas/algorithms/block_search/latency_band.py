"""Before anything trains: what the space reaches, and where in it to search."""

import math
import random
import statistics
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from nas.algorithms.block_search.bands import Bands, bands_for
from nas.algorithms.budgets import Budget, budgets_of, describe_limits, within
from nas.algorithms.netadapt.proposals import narrowest
from nas.algorithms.pipeline.context import Context, ProposalKinds, Settings
from nas.algorithms.workers.job_cache import derive
from nas.design.architecture import Architecture
from nas.design.size import Size, describe_size, map_sides
from nas.design.space import SearchSpace
from nas.errors import Unreachable
from nas.units import told_ms

WARM_PREDICTOR = 20  # first trials, drawn at random from the band, where a predictor learns from them; else `WARM`
SAMPLES = 1000
_LEANS = (1.0, 0.5, 0.25, 0.1)  # how expensive draws may be, less and less, until enough are within the budgets
_ENOUGH = 100  # draws within the budgets


def check_reachable(ctx: Context, fastest: Architecture, slowest: Architecture | None) -> None:
    """Price the fastest and slowest networks before anything trains; Unreachable says the range and what to try.

    Without a space there is one network, the given one, and no slowest.
    """
    check_budgets(ctx.settings, fastest, shrinks=slowest is None)
    least = _shrunk(ctx.settings, fastest, ctx.settings.proposals)
    ctx.prices.ensure([arch for arch in (least, fastest, slowest) if arch is not None])
    target, least_ms = ctx.settings.target_ms, ctx.prices(least).ms
    if target < least_ms:
        which = "the fastest of the space" if slowest else "the given one"
        smaller = "take --space mobilenet_v3_small" if slowest else "start from a smaller network"
        more = "" if ctx.settings.proposals == "all" else _with_all(ctx, fastest)
        raise Unreachable(
            f"No network reaches {target:g} ms: {which} takes {told_ms(ctx.prices(fastest).ms)} ms, and NetAdapt can "
            f"shrink it to {told_ms(least_ms)} ms{more}. Ask for at least {told_ms(least_ms)} ms, lower --resolution "
            f"(now {describe_size(fastest.resolution)}), or {smaller}."
        )
    if slowest is not None and target > ctx.prices(slowest).ms:
        ctx.say(
            f"The target of {target:g} ms is not binding: the slowest network of the space takes "
            f"{told_ms(ctx.prices(slowest).ms)} ms."
        )


def check_budgets(settings: Settings, start: Architecture, shrinks: bool) -> None:
    """Raise Unreachable, with the value that is reachable, if a budget allows no network.

    `start` is a network as NetAdapt `shrinks` it, or the smallest of a space: what is searched there is within the
    budgets before it is shrunk.
    """
    least = _shrunk(settings, start, settings.proposals) if shrinks else start
    for budget in budgets_of(settings.limits):
        if not within(least, [budget]):
            raise Unreachable(
                f"No network has {describe_limits([budget])}: {_describe_least(settings, budget, start, shrinks)}"
            )


def _describe_least(settings: Settings, budget: Budget, start: Architecture, shrinks: bool) -> str:
    """Return what is the least that a network takes of a budget, and what to do about it."""
    cost = budget.cost(_shrunk(settings, start, settings.proposals) if shrinks else start)
    which = "NetAdapt can shrink the given one to" if shrinks else "the smallest of the space has"
    every = budget.cost(_shrunk(settings, start, "all"))
    more = f", with --proposals all to {budget.describe(every)}" if shrinks and every < cost else ""
    smaller = "start from a smaller network" if shrinks else "take a smaller --space"
    doubled = replace(start, resolution=map_sides(lambda side: 2 * side, start.resolution))
    depends = budget.cost(doubled) > budget.cost(start)
    lower = f"lower --resolution (now {describe_size(settings.resolution)}), " if depends else ""
    return (
        f"{which} {budget.describe(cost)}{more}. Give --max-{budget.name} of at least {math.ceil(cost)}, {lower}or "
        f"{smaller}."
    )


def _shrunk(settings: Settings, arch: Architecture, kinds: ProposalKinds) -> Architecture:
    return narrowest(arch, kinds, settings.auto_resolution, settings.keep)


def _with_all(ctx: Context, arch: Architecture) -> str:
    """How far a network could be shrunk if all proposals were allowed."""
    least = _shrunk(ctx.settings, arch, "all")
    ctx.prices.ensure([least])
    return f", with --proposals all to {told_ms(ctx.prices(least).ms)} ms"


_Draw = tuple[dict[str, Any], Architecture]
"""A random network of a space, and the choices that make it."""


def spread_draws(
    space: SearchSpace, seed: int, resolution: Size, classes: int, budgets: Sequence[Budget] = ()
) -> list[_Draw]:
    """Random architectures within the budgets, from all-cheap to all-expensive ones.

    If too few draws are within the budgets, cheaper ones are drawn; the smallest network of the space is the last.
    """
    for most in _LEANS:
        drawn = [one for one in _lean_draws(space, seed, resolution, classes, most) if within(one[1], budgets)]
        if len(drawn) >= _ENOUGH:
            return drawn
    choices: dict[str, Any] = {}
    arch = space.draw(lambda name, options: choices.setdefault(name, options[0]), resolution, classes)
    return [*drawn, (choices, arch)]


def _lean_draws(space: SearchSpace, seed: int, resolution: Size, classes: int, most: float) -> list[_Draw]:
    """Random architectures, no more expensive than `most` of the way to the largest, about.

    Independent uniform choices crowd around the middle of the latency range; here each draw leans its own way.
    """
    rng = random.Random(derive("draws", seed))
    drawn = []
    for _ in range(SAMPLES):
        lean, choices = most * rng.random(), dict[str, Any]()

        def choose(name: str, options: Sequence[Any], lean: float = lean, choices: dict[str, Any] = choices) -> Any:
            place = min(max(lean + rng.gauss(0, 0.3), 0), 0.999)
            choices[name] = options[int(place * len(options))]
            return choices[name]

        arch = space.draw(choose, resolution, classes)
        drawn.append((choices, arch))
    return drawn


class PricedSample(Struct, frozen=True):
    """A random network of a space: the choices that make it, and its predicted latency."""

    choices: dict[str, Any]
    architecture: Architecture
    predicted_ms: float


def survey(ctx: Context, space: SearchSpace) -> list[PricedSample]:
    """Random networks of a space within the budgets, with their prices: what the space reaches."""
    drawn = spread_draws(space, ctx.settings.seed, ctx.settings.resolution, ctx.classes, ctx.budgets)
    ctx.prices.ensure([arch for _, arch in drawn])
    priced = [PricedSample(choices, arch, ctx.prices(arch).ms) for choices, arch in drawn]
    times = sorted(one.predicted_ms for one in priced)
    which = f", each with {describe_limits(ctx.budgets)}," if ctx.budgets else ""
    ctx.say(
        f"{len(drawn)} draws of {space.name}{which} take {told_ms(times[0])} to {told_ms(times[-1])} ms "
        f"(median {told_ms(statistics.median(times))})."
    )
    return priced


def search_bands(ctx: Context, drawn: Sequence[PricedSample]) -> Bands:
    """The predicted latencies between which this context's target is searched, by resolution."""
    times: dict[Size, list[float]] = {}
    for one in sorted(drawn, key=lambda one: one.predicted_ms):
        times.setdefault(one.architecture.resolution, []).append(one.predicted_ms)
    return bands_for(ctx.aim_ms, ctx.budget_ms, times)


def draws_within(drawn: Sequence[PricedSample], bands: Bands) -> list[PricedSample]:
    """Those whose predicted latency is in the band of their resolution."""
    return [one for one in drawn if bands.excess_ms(one.architecture, one.predicted_ms) <= 0]
