"""Before anything trains: what the space reaches, and where in it to search."""

import random
import statistics
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from nas.algorithms.block_search.bands import Bands, bands_for
from nas.algorithms.netadapt.proposals import narrowest
from nas.algorithms.pipeline.context import Context
from nas.algorithms.workers.job_cache import derive
from nas.design.architecture import Architecture
from nas.design.space import SearchSpace
from nas.errors import Unreachable
from nas.units import told_ms

WARM_PREDICTOR = 20  # first trials, drawn at random from the band, where a predictor learns from them; else `WARM`
SAMPLES = 1000


def check_reachable(ctx: Context, fastest: Architecture, slowest: Architecture | None) -> None:
    """Price the fastest and slowest networks before anything trains; Unreachable says the range and what to try.

    Without a space there is one network, the given one, and no slowest.
    """
    least = narrowest(fastest, ctx.settings.proposals, ctx.settings.auto_resolution, ctx.settings.keep)
    ctx.prices.ensure([arch for arch in (least, fastest, slowest) if arch is not None])
    target, least_ms = ctx.settings.target_ms, ctx.prices(least).ms
    if target < least_ms:
        which = "the fastest of the space" if slowest else "the given one"
        smaller = "take --space mobilenet_v3_small" if slowest else "start from a smaller network"
        more = "" if ctx.settings.proposals == "all" else _with_all(ctx, fastest)
        raise Unreachable(
            f"No network reaches {target:g} ms: {which} takes {told_ms(ctx.prices(fastest).ms)} ms, and NetAdapt can "
            f"shrink it to {told_ms(least_ms)} ms{more}. Ask for at least {told_ms(least_ms)} ms, lower --resolution "
            f"(now {fastest.resolution}), or {smaller}."
        )
    if slowest is not None and target > ctx.prices(slowest).ms:
        ctx.say(
            f"The target of {target:g} ms is not binding: the slowest network of the space takes "
            f"{told_ms(ctx.prices(slowest).ms)} ms."
        )


def _with_all(ctx: Context, arch: Architecture) -> str:
    """How far a network could be shrunk if all proposals were allowed."""
    least = narrowest(arch, "all", ctx.settings.auto_resolution, ctx.settings.keep)
    ctx.prices.ensure([least])
    return f", with --proposals all to {told_ms(ctx.prices(least).ms)} ms"


def spread_draws(
    space: SearchSpace, seed: int, resolution: int, classes: int
) -> list[tuple[dict[str, Any], Architecture]]:
    """Random architectures with their choices, from all-cheap to all-dear ones.

    Independent uniform choices crowd around the middle of the latency range; here each draw leans its own way.
    """
    rng = random.Random(derive("draws", seed))
    drawn = []
    for _ in range(SAMPLES):
        lean, choices = rng.random(), dict[str, Any]()

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
    """Random networks of a space with their prices: what the space reaches."""
    drawn = spread_draws(space, ctx.settings.seed, ctx.settings.resolution, ctx.classes)
    ctx.prices.ensure([arch for _, arch in drawn])
    priced = [PricedSample(choices, arch, ctx.prices(arch).ms) for choices, arch in drawn]
    times = sorted(one.predicted_ms for one in priced)
    ctx.say(
        f"{SAMPLES} draws of {space.name} take {told_ms(times[0])} to {told_ms(times[-1])} ms "
        f"(median {told_ms(statistics.median(times))})."
    )
    return priced


def search_bands(ctx: Context, drawn: Sequence[PricedSample]) -> Bands:
    """The predicted latencies between which this context's target is searched, by resolution."""
    times: dict[int, list[float]] = {}
    for one in sorted(drawn, key=lambda one: one.predicted_ms):
        times.setdefault(one.architecture.resolution, []).append(one.predicted_ms)
    return bands_for(ctx.aim_ms, ctx.budget_ms, times)


def draws_within(drawn: Sequence[PricedSample], bands: Bands) -> list[PricedSample]:
    """Those whose predicted latency is in the band of their resolution."""
    return [one for one in drawn if bands.excess_ms(one.architecture, one.predicted_ms) <= 0]
