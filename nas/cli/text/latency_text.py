"""What `nas price`, `nas measure` and `nas table` tell people."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas.api.options.resolution import told_sides
from nas.cli.text.tables import facts_of, table_of
from nas.latency.statistic import describe_speed
from nas.latency.timing import Estimate, Measurement

if TYPE_CHECKING:
    from nas.latency.quantile import Quantile
    from nas.latency.report_card import Validation
    from nas.latency.table import LatencyTable

_BUSY = "busy while the table was built: treat the last digits with care"
# Columns of numbers that are formatted here.
_NUMBERS = (
    "ms", "mean error", "bias", "worst", "within 5 %", "within 10 %", "rank correlation", "share of runs",
    "at most, times the median",
)  # fmt: skip


def price_text(document: dict[str, Any], estimate: Estimate | None) -> str:
    """One line an op, then the sums."""
    lines = [f"{'op':<16} {'':<44} {'params':>10} {'MACs':>12} {'ms':>8}"]
    for op in document["ops"]:
        ms = "-" if op["ms"] is None else f"{op['ms']:.4f}"
        lines.append(f"{op['name']:<16} {op['op']:<44} {op['params']:>10,} {op['macs']:>12,} {ms:>8}")
    lines.append("")
    lines.append(
        f"{document['name']} at {told_sides((document['resolution'],))} px: "
        f"{document['params']:,} parameters, {document['macs']:,} MACs"
    )
    if estimate is None:
        lines.append("predicted latency: unknown, no table of this machine (make one with 'nas table build')")
    else:
        lines.append(
            f"predicted latency: {estimate.ms:.3f} ms ± {estimate.error_bound_ms:.3f} ms ({document['statistic']})"
        )
    return "\n".join(lines)


def measure_text(name: str, setup: str, found: Measurement) -> str:
    """What the clock says now, and the same at the table's speed."""
    lines = [
        f"{name} in {setup}: {found.measured_ms:.3f} ms now ({found.statistic}), 10 % to 90 % of runs "
        f"{found.p10_ms:.3f} to {found.p90_ms:.3f} ms, {found.runs} runs, rounds differ by ± {found.floor_ms:.3f} ms"
    ]
    if found.contended:
        lines.append("The machine is busy: too few runs were undisturbed.")
    if found.nominal_ms is None or found.slowdown is None:
        lines.append(f"There is no table to compare with; the device's speed moved by {found.moving:.0%} meanwhile.")
    else:
        lines.append(
            f"{found.nominal_ms:.3f} ms at the speed of its table, which `nas price` predicts; the device is "
            f"{describe_speed(found.slowdown, found.moving)}"
        )
    return "\n".join(lines)


def table_text(table: "LatencyTable") -> str:
    """Conditions, reference and calibration, the report card, and the quantiles if there are any."""
    header = table.header
    cards = {"held out": header.validation}
    if header.outside is not None:
        cards["published, outside the space"] = header.outside
    parts = [facts_of(_table_facts(table)), _cards_of(cards), facts_of(_clock_facts(header.validation))]
    if header.quantiles:
        parts.append(table_of([_quantile_row(one) for one in header.quantiles], right=_NUMBERS))
    return "\n\n".join(parts)


def entries_text(table: "LatencyTable") -> str:
    """Every entry with its time."""
    rows = [{"ms": f"{timing.ms:.4f}", "entry": key} for key, timing in table.timings.items()]
    return table_of(rows, right=_NUMBERS)


def report_card_text(card: "Validation", statistic: str) -> str:
    """The report card of fresh networks."""
    facts = {"milliseconds are": statistic, **_clock_facts(card)}
    return f"{_cards_of({'held out': card})}\n\n{facts_of(facts)}"


def _table_facts(table: "LatencyTable") -> dict[str, object]:
    header, where = table.header, table.header.conditions
    reference, calibration = header.reference, header.calibration
    facts: dict[str, object] = {
        "entries": len(table.timings),
        "space": f"{header.space} at {told_sides(header.resolutions)} px",
        "built": f"{header.created}, in {header.seconds:.0f} s",
        "runtime": f"{where.runtime} {where.runtime_version}, {where.precision}",
        "threads": where.threads,
        "batch": where.batch,
        "device": where.device,
        "milliseconds are": header.statistic,
        "reference": f"{reference.name}, {reference.nominal_ms:.3f} ms",
        "calibrated by": f"{calibration.model} on {calibration.networks} networks",
    }
    return {**facts, "machine": _BUSY} if header.contended else facts


def _cards_of(cards: Mapping[str, "Validation"]) -> str:
    return table_of([_card_row(name, card) for name, card in cards.items()], right=_NUMBERS)


def _card_row(name: str, card: "Validation") -> dict[str, object]:
    return {
        "networks": name,
        "count": card.count,
        "mean error": f"{card.mape:.1%}",
        "bias": f"{card.bias:+.1%}",
        "worst": f"{card.worst:.1%}",
        "within 5 %": f"{card.within_5:.0%}",
        "within 10 %": f"{card.within_10:.0%}",
        "rank correlation": f"{card.spearman:.3f}",
    }


def _clock_facts(card: "Validation") -> dict[str, object]:
    return {
        "repeatability of the clock": f"{card.floor:.1%} (error over floor {card.error_over_floor:.2f})",
        "error without calibration": f"{card.raw_mape:.1%}",
    }


def _quantile_row(one: "Quantile") -> dict[str, object]:
    card = one.validation
    return {
        "share of runs": f"{100 * one.share:g} %",
        "at most, times the median": f"{one.ratio:.2f}",
        "held-out networks": card.count,
        "mean error": f"{card.mape:.1%}",
        "worst": f"{card.worst:.1%}",
    }
