"""What `nas price`, `nas measure` and `nas table` tell people."""

from typing import TYPE_CHECKING, Any

from nas.api.options.resolution import told_sides
from nas.latency.statistic import describe_speed
from nas.latency.timing import Estimate, Measurement

if TYPE_CHECKING:
    from nas.latency.report_card import Validation
    from nas.latency.table import LatencyTable
    from nas.latency.table_file.header import Header


def price_text(document: dict[str, Any], estimate: Estimate | None) -> str:
    """One line an op, then the sums."""
    lines = [f"{'op':<16} {'':<44} {'params':>10} {'MACs':>12} {'ms':>8}"]
    for op in document["ops"]:
        ms = "-" if op["ms"] is None else f"{op['ms']:.4f}"
        lines.append(f"{op['name']:<16} {op['op']:<44} {op['params']:>10,} {op['macs']:>12,} {ms:>8}")
    lines.append("")
    lines.append(
        f"{document['name']} at {document['resolution']} px: "
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
    """Conditions, reference, calibration and the report card."""
    header = table.header
    where = header.conditions
    contended = (
        "\nThe machine was busy while it was built: treat the last digits with care." if header.contended else ""
    )
    return (
        f"{len(table.timings)} entries of {header.space} at {told_sides(header.resolutions)} px, {header.created}, "
        f"{header.seconds:.0f} s\n"
        f"{where.runtime} {where.runtime_version}, {where.threads} thread, batch {where.batch}, {where.precision}\n"
        f"{where.device}\n"
        f"milliseconds are {header.statistic}\n"
        f"reference {header.reference.name} {header.reference.nominal_ms:.3f} ms; calibrated by "
        f"{header.calibration.model} on {header.calibration.networks} networks\n"
        f"{card_text(header.validation)}{_outside(header)}{_quantiles(header)}{contended}"
    )


def _outside(header: "Header") -> str:
    card = header.outside
    if card is None:
        return ""
    return (
        f"\nerror on {card.count} published networks outside the space: mean {card.mape:.1%}, bias {card.bias:+.1%}, "
        f"worst {card.worst:.1%}"
    )


def _quantiles(header: "Header") -> str:
    return "".join(
        f"\n{100 * one.share:g} % of runs take at most {one.ratio:.2f} times the median (error on "
        f"{one.validation.count} held-out networks: mean {one.validation.mape:.1%}, worst {one.validation.worst:.1%})"
        for one in header.quantiles
    )


def card_text(card: "Validation") -> str:
    """The report card in three lines."""
    return (
        f"error on {card.count} held-out networks: mean {card.mape:.1%}, bias {card.bias:+.1%}, "
        f"worst {card.worst:.1%}; within 5 %: {card.within_5:.0%}, within 10 %: {card.within_10:.0%}; "
        f"rank correlation {card.spearman:.3f}\n"
        f"the clock repeats itself to {card.floor:.1%} (error over floor {card.error_over_floor:.2f}); "
        f"without calibration the error is {card.raw_mape:.1%}"
    )
