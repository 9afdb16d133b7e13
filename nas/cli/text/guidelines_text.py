"""What `nas guidelines` tells people."""

from pathlib import Path

from nas.cli.text.tables import table_of
from nas.design.guidelines.guideline import describe_figures
from nas.latency.guideline_result import GuidelineResult, GuidelinesReport, VariantResult, describe_grid, describe_ratio

_NUMBERS = ("M MACs", "ms")


def guidelines_text(report: GuidelinesReport, out: Path | None) -> str:
    """A table for each guideline, and one of all verdicts at the end."""
    parts = [_describe(guideline) for guideline in report.guidelines]
    where = report.conditions
    title = (
        f"Guidelines in {where.runtime} {where.runtime_version}, {where.precision}, threads {where.threads}, batch "
        f"{where.batch}, on {where.device}; medians of {report.rounds} rounds with their 95 % interval"
    )
    busy = ["The machine is busy: too few runs were undisturbed."] if report.contended else []
    rows = [{"guideline": one.name, "verdict": one.verdict or "not measured"} for one in report.guidelines]
    written = [str(out / "guidelines.html")] if out else []
    return "\n\n".join([title, *busy, *parts, table_of(rows), *written])


def _describe(guideline: GuidelineResult) -> str:
    lines = [
        f"{guideline.name}: {guideline.question}",
        f"{guideline.claim} ({guideline.source}): {guideline.verdict or 'not measured'}.",
        guideline.note,
        describe_grid(guideline),
        table_of([_row(variant, guideline.per_mac) for variant in guideline.variants], right=_NUMBERS),
    ]
    return "\n".join(filter(None, lines))


def _row(variant: VariantResult, per_mac: bool) -> dict[str, object]:
    return {
        "network": variant.label,
        "M MACs": f"{variant.macs / 1e6:.1f}",
        "ms": "-" if variant.ms is None else f"{variant.ms:.3f}",
        "time per MAC" if per_mac else "time": describe_ratio(variant),
        "paper": describe_figures(variant.paper),
        "claim": variant.claim or "",
        "verdict": variant.failure or variant.verdict or "",
    }
