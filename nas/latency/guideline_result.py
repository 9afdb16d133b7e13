"""What a guideline's networks took in a runtime, beside the paper's figures, and what that says of the guideline."""

from collections.abc import Sequence

from msgspec import Struct

from nas.design.cost import macs
from nas.design.guidelines.guideline import Claim, Guideline, PaperFigure, Variant
from nas.latency.conditions import Conditions
from nas.latency.verdict import Ratio, Verdict, combine, compare_rounds, judge


class VariantTiming(Struct, frozen=True):
    """A variant by the clock: the median of its runs in milliseconds, and its time over the reference's in every round.

    `contended` says that too few runs were undisturbed.
    """

    ms: float
    rounds: tuple[float, ...]
    contended: bool = False


class VariantResult(Struct, frozen=True):
    """A variant of a guideline. `ratio` is its time over that of the first one, per multiply-add if the guideline is.

    It is None, like `ms`, if the variant or the first one could not be run; `failure` says why the variant could not.
    """

    label: str
    macs: int
    ms: float | None
    ratio: Ratio | None
    claim: Claim | None
    paper: tuple[PaperFigure, ...]
    verdict: Verdict | None
    failure: str | None = None
    width: int | None = None


class GuidelineResult(Struct, frozen=True):
    """A guideline and its variants, the first being what the others are compared with.

    `verdict` is None if none of the claims could be tested. `grid` is the step from which on widths cost no more per
    multiply-add, of guidelines that vary one width; None if there is none within the widths that were tried.
    """

    name: str
    question: str
    claim: str
    source: str
    note: str
    per_mac: bool
    variants: tuple[VariantResult, ...]
    verdict: Verdict | None
    grid: int | None = None


class GuidelinesReport(Struct, frozen=True):
    """Guidelines measured under one set of conditions, over so many rounds each.

    `contended` says that too few runs of some variant were undisturbed.
    """

    conditions: Conditions
    rounds: int
    contended: bool
    guidelines: tuple[GuidelineResult, ...]


def compare_variants(guideline: Guideline, timings: Sequence[VariantTiming | str]) -> GuidelineResult:
    """What the timings of a guideline's variants say of it; a text in the place of a timing says why there is none."""
    pairs = list(zip(guideline.variants, timings, strict=True))
    first = pairs[0]
    variants = tuple(_compare(variant, timing, first, guideline.per_mac) for variant, timing in pairs)
    verdicts = [variant.verdict for variant in variants if variant.verdict is not None]
    return GuidelineResult(
        guideline.name,
        guideline.question,
        guideline.claim,
        guideline.source,
        guideline.note,
        guideline.per_mac,
        variants,
        combine(verdicts) if verdicts else None,
        find_grid(variants),
    )


def _compare(
    variant: Variant, timing: VariantTiming | str, first: tuple[Variant, VariantTiming | str], per_mac: bool
) -> VariantResult:
    beside, beside_timing = first
    ms = ratio = failure = None
    if isinstance(timing, str):
        failure = timing
    else:
        ms = timing.ms
        if not isinstance(beside_timing, str):
            work = macs(variant.graph) / macs(beside.graph) if per_mac else 1.0
            ratio = compare_rounds(timing.rounds, beside_timing.rounds, work)
    verdict = judge(variant.claim, ratio) if variant.claim and ratio else None
    return VariantResult(
        variant.label,
        macs(variant.graph),
        ms,
        ratio,
        variant.claim,
        variant.paper,
        verdict,
        failure,
        variant.width,
    )


def find_grid(variants: Sequence[VariantResult]) -> int | None:
    """The smallest step (a power of two) whose multiples are all found no slower than the first variant.

    None where widths are not what varies, or where the largest step tried is slower, too.
    """
    tried = {step: variant.ratio for variant in variants[1:] if variant.width and (step := _step(variant.width))}
    found = None
    for step in sorted(tried, reverse=True):
        ratio = tried[step]
        if ratio is None or judge("no slower", ratio) != "holds here":
            break
        found = step
    return found


def _step(width: int) -> int:
    """The largest power of two that a width is a multiple of."""
    return width & -width


def describe_ratio(variant: VariantResult) -> str:
    """Say how long a variant takes beside the first one, with its interval: `1.20 (1.17 to 1.22)`."""
    ratio = variant.ratio
    return "-" if ratio is None else f"{ratio.median:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"


def describe_grid(guideline: GuidelineResult) -> str:
    """Say from which step on widths are no slower; nothing of guidelines that do not vary a width."""
    if not any(variant.width for variant in guideline.variants):
        return ""
    if guideline.grid is None:
        return "For no step tried do the intervals show that widths cost no more per multiply-add."
    return f"Widths in steps of {guideline.grid} cost no more per multiply-add here."
