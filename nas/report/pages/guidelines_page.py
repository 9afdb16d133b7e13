"""The page of guidelines: which of them hold, and for each its networks beside the paper's figures."""

from nas.design.guidelines.guideline import describe_figures
from nas.latency.guideline_result import (
    GuidelineResult,
    GuidelinesReport,
    VariantResult,
    describe_grid,
    describe_ratio,
)
from nas.latency.verdict import DISCERNIBLE, NEGLIGIBLE
from nas.report.figures.guideline_figure import guideline_figure
from nas.report.html.markup import Markup, cell, heads, paragraph, row, section, table
from nas.report.html.sheet import document, embedded
from nas.report.html.wording import millions, ms, percent


def guidelines_page(report: GuidelinesReport) -> str:
    """The whole page."""
    where = report.conditions
    title = f"Which rules of thumb hold in {where.runtime} {where.runtime_version}, {where.precision}"
    parts = [_summary(report), *(_guideline_section(one) for one in report.guidelines)]
    return document(f"guidelines, {where.runtime}", title, "\n".join(parts))


def _summary(report: GuidelinesReport) -> Markup:
    where = report.conditions
    about = (
        f"Measured on {where.device}, threads {where.threads}, batch {where.batch}, with random weights. The networks "
        f"of a guideline ran in turns with each other and with a reference over {report.rounds} rounds; a ratio is the "
        "median over rounds, with its 95 % interval. The first network of each guideline is what the others are "
        "compared with."
    )
    rule = (
        f"A claim of slower (faster) holds if the whole interval is more than {percent(NEGLIGIBLE)} above (below) 1, "
        "and does not hold if it is so on the other side. A claim of no slower holds if the interval is below "
        f"{1 + DISCERNIBLE:g}, and does not hold above it. Everything else is too close to tell."
    )
    busy = [paragraph("The machine was busy: too few runs were undisturbed.", "warn")] if report.contended else []
    rows = [row(map(cell, (one.name, one.claim, one.verdict or "not measured"))) for one in report.guidelines]
    verdicts = table(heads(("guideline", "rule", "verdict")), rows, "verdicts")
    return "\n".join([paragraph(about), *busy, paragraph(rule, "soft"), verdicts])


def _guideline_section(guideline: GuidelineResult) -> Markup:
    head = heads(
        (
            "network",
            "MACs",
            "time",
            "time per MAC, ratio" if guideline.per_mac else "ratio",
            "paper",
            "claim",
            "verdict",
        )
    )
    notes = [paragraph(note, "soft") for note in (guideline.note, describe_grid(guideline)) if note]
    caption = f"{guideline.claim} ({guideline.source}): {guideline.verdict or 'not measured'}."
    return section(
        guideline.question,
        embedded(guideline_figure(guideline), guideline.name, caption),
        table(head, [_variant_row(variant) for variant in guideline.variants], f"{guideline.name}-table"),
        *notes,
    )


def _variant_row(variant: VariantResult) -> Markup:
    cells = (
        variant.label,
        millions(variant.macs),
        "-" if variant.ms is None else ms(variant.ms),
        describe_ratio(variant),
        describe_figures(variant.paper),
        variant.claim or "",
        variant.failure or variant.verdict or "",
    )
    return row(map(cell, cells))
