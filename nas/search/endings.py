"""From a found architecture to finished networks: trained both ways, fitted, exported, timed, compared."""

import itertools
import math
from pathlib import Path

from nas.design.architecture import Architecture, digest
from nas.design.cost import macs, params
from nas.design.known import known
from nas.design.plan import lower
from nas.latency.timing import Measurement
from nas.search.context import Context
from nas.search.ports import Fit, Outcome, Train
from nas.search.records import Finished, Matched
from nas.search.work import derive

SEGMENTS = 4  # long trainings are journalled in parts, so that a killed run loses a part at most
GENTLE_SHARE = 1 / 3  # epochs of a fine-tune from inherited weights, as a share of a training from scratch
_BASELINES = ("mobilenet_v3_large", "mobilenet_v3_small")
_TRIES = 7


def train(
    ctx: Context, arch: Architecture, epochs: float, start: Path | None = None, gentle: bool = False
) -> tuple[Outcome, Path]:
    """Train in journalled segments, from scratch or from weights; the outcome is at the training resolution."""
    seed = derive("train", ctx.settings.seed, digest(arch), gentle)
    ends = [epochs * segment / SEGMENTS for segment in range(SEGMENTS + 1)]
    jobs: list[Train] = []
    for first, last in itertools.pairwise(ends):
        before = ctx.work.path(jobs[-1]) if jobs else start
        jobs.append(Train(arch, first, last, epochs, seed, Path(), before, gentle))
    done = max((number for number, job in enumerate(jobs) if ctx.work.has(job)), default=0)
    for number in range(done, SEGMENTS):
        outcome, weights = ctx.work.one(jobs[number])
        if number > 0:
            ctx.work.path(jobs[number - 1]).unlink(missing_ok=True)
    return outcome, weights


def finish(ctx: Context, name: str, role: str, arch: Architecture, weights: Path) -> Finished:
    """Fit to the deployment resolution, export, compare, time and test; done once for each name and architecture."""
    key = f"{role}-{name}-{digest(arch)}"
    known_record = ctx.journal.find(Finished, key)
    model = ctx.folder / "models" / f"{key}.onnx"
    if known_record is not None and model.exists():
        return known_record
    fitted, path = ctx.work.one(Fit(arch, weights, derive("fit", ctx.settings.seed, digest(arch)), Path()))
    plan = lower(arch)
    difference = ctx.ships.export(arch, path, model)
    finished = Finished(
        key=key,
        role="ending" if role == "ending" else "baseline",
        name=name,
        architecture=arch,
        params=params(plan),
        macs=macs(plan),
        predicted_ms=ctx.prices(arch).ms,
        measurement=ctx.ships.time(arch, path, model),
        validation=fitted.score,
        test=ctx.ships.test(arch, model),
        model=model.name,
        weights=path.name,
        max_output_difference=difference,
    )
    ctx.journal.add(finished)
    ctx.say(
        f"{role.capitalize()} {name}: validation {finished.validation.accuracy:.1%}, "
        f"{finished.measurement.measured_ms:.2f} ms measured, {finished.predicted_ms:.2f} ms predicted."
    )
    return finished


def endings(ctx: Context, arch: Architecture, inherited: Path) -> list[Finished]:
    """The found network retrained from scratch and fine-tuned from its inherited weights, best on validation first.

    MobileNetV3 retrains from scratch; others found that worse than keeping the weights. Both are tried.
    """
    epochs = ctx.settings.epochs
    _, scratch = train(ctx, arch, epochs)
    _, tuned = train(ctx, arch, epochs * GENTLE_SHARE, inherited, gentle=True)
    both = [
        finish(ctx, "scratch", "ending", arch, scratch),
        finish(ctx, "inherited", "ending", arch, tuned),
    ]
    return sorted(both, key=lambda ending: (-ending.validation.accuracy, ending.validation.loss))


def baselines(ctx: Context, found: Architecture) -> list[Finished]:
    """V3-Large and V3-Small scaled in width to the found network's measured latency, trained the same way."""
    rows = []
    for name in _BASELINES:
        arch, width = same_latency(ctx, name, found)
        _, weights = train(ctx, arch, ctx.settings.epochs)
        rows.append(finish(ctx, f"{name}-{width:g}", "baseline", arch, weights))
    return rows


def same_latency(ctx: Context, name: str, found: Architecture) -> tuple[Architecture, float]:
    """The width-scaled network nearest to the found one by the clock, both timed in turns; its width multiplier.

    Bisected from the width of equal MACs. Latency grows with width but for the grid of the kernels, so of all
    widths tried the nearest counts, not the last.
    """
    key = f"baseline-{name}-{digest(found)}"
    choice = ctx.journal.find(Matched, key)
    if choice is None:
        tried: dict[float, float] = {}
        middle = _equal_macs(ctx, name, macs(lower(found)))
        low, high = middle / 2, middle * 2
        while middle not in tried and len(tried) < _TRIES:
            there, here = ctx.ships.measure([_scaled(ctx, name, middle), found])
            tried[middle] = math.log(relative(there) / relative(here))
            low, high = (middle, high) if tried[middle] < 0 else (low, middle)
            middle = round(math.sqrt(low * high), 2)
        choice = Matched(key, min(tried, key=lambda width: abs(tried[width])))
        ctx.journal.add(choice)
    return _scaled(ctx, name, choice.width), choice.width


def _scaled(ctx: Context, name: str, width: float) -> Architecture:
    return known(f"{name}-{width:.2f}-{ctx.settings.resolution}", ctx.classes)


def _equal_macs(ctx: Context, name: str, wanted: int) -> float:
    widths = [percent / 100 for percent in range(10, 600, 5)]
    return min(widths, key=lambda width: abs(macs(lower(_scaled(ctx, name, width))) - wanted))


def relative(measurement: Measurement) -> float:
    """The figure to compare networks by: freed of the machine's drift where that is known."""
    return measurement.measured_ms if measurement.nominal_ms is None else measurement.nominal_ms
