"""Several runs of `nas guidelines` as Markdown tables, a column a run, beside the papers' figures.

    python experiments/guidelines/summary.py experiments/guidelines/*/guidelines.json >summary.md
    python experiments/guidelines/summary.py --pages experiments/guidelines/*/guidelines.json

The second line writes guidelines.html beside each file, which `nas guidelines --out` does, too.
A cell is the time over that of the first network of the guideline, per multiply-add where the guideline compares so.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from nas.design.guidelines.guideline import describe_figures
from nas.latency.guideline_result import GuidelineResult, GuidelinesReport, VariantResult, describe_grid
from nas.report.pages.guidelines_page import guidelines_page

_SIGNS = {"holds here": "holds", "does not hold here": "does not", "too close to tell": "?"}


def main() -> None:
    """Read the files that were named, and print, or write their pages."""
    paths = [Path(name) for name in sys.argv[1:] if name != "--pages"]
    if not paths:
        sys.exit(__doc__)
    reports = [msgspec.json.decode(path.read_bytes(), type=GuidelinesReport) for path in paths]
    if "--pages" in sys.argv:
        for path, report in zip(paths, reports, strict=True):
            path.with_suffix(".html").write_text(guidelines_page(report))
    else:
        print_summary(reports)


def print_summary(reports: list[GuidelinesReport]) -> None:
    """The conditions, the verdicts, and a table for each guideline."""
    names = dict.fromkeys(one.name for report in reports for one in report.guidelines)
    columns = [f"{report.conditions.runtime} {report.conditions.precision}" for report in reports]
    print("\n".join([describe_run(report) for report in reports]))
    print("\n## Verdicts\n")
    print_table(["guideline", *columns], [[name, *(verdict_of(report, name) for report in reports)] for name in names])
    for name in names:
        print_guideline(name, columns, [find(report, name) for report in reports])


def describe_run(report: GuidelinesReport) -> str:
    """A line about the conditions of a run."""
    where = report.conditions
    busy = "; too few runs were undisturbed" if report.contended else ""
    return (
        f"- {where.runtime} {where.runtime_version}, {where.precision}, threads {where.threads}, batch {where.batch}, "
        f"{report.rounds} rounds, on {where.device}{busy}"
    )


def find(report: GuidelinesReport, name: str) -> GuidelineResult | None:
    """A guideline of a run, if the run has it."""
    return next((one for one in report.guidelines if one.name == name), None)


def verdict_of(report: GuidelinesReport, name: str) -> str:
    """The verdict of a run on a guideline."""
    found = find(report, name)
    return "-" if found is None else found.verdict or "not measured"


def print_guideline(name: str, columns: list[str], found: Sequence[GuidelineResult | None]) -> None:
    """The networks of a guideline, a row each."""
    some = next(one for one in found if one)
    what = "time per MAC" if some.per_mac else "time"
    print(f"\n## {name}\n\n{some.question} {some.claim} ({some.source}). Cells: {what} over the first network's.\n")
    rows = [
        [
            variant.label,
            f"{variant.macs / 1e6:.1f}",
            describe_figures(variant.paper),
            *(cell(one.variants[place] if one else None) for one in found),
        ]
        for place, variant in enumerate(some.variants)
    ]
    print_table(["network", "M MACs", "paper", *columns], rows)
    grids = [
        f"{column}: {text}" for column, one in zip(columns, found, strict=True) if one and (text := describe_grid(one))
    ]
    print("".join(f"\n{grid}" for grid in grids))


def cell(variant: VariantResult | None) -> str:
    """A ratio with its interval and the sign of its verdict, or why there is none."""
    if variant is None or variant.ratio is None:
        return "-" if variant is None else variant.failure or "-"
    one = variant.ratio
    sign = f" {_SIGNS[variant.verdict]}" if variant.verdict else ""
    return f"{one.median:.2f} ({one.low:.2f} to {one.high:.2f}){sign}"


def print_table(head: list[str], rows: list[list[str]]) -> None:
    """A Markdown table."""
    for line in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
