"""The report cards of table files as rows of a Markdown table.

python experiments/latency/summary.py latency_tables/*.jsonl
"""

import sys
from pathlib import Path

from nas.latency.table import read_table
from nas.latency.trust import usable

COLUMNS = "runtime, precision, build, MAPE (95 % interval), raw, 5 %, 10 %, worst, Spearman, floor, error / floor, "
print("| " + " | ".join(COLUMNS.split(", ")) + " |")
print("|" + " --- |" * len(COLUMNS.split(", ")))
for path in map(Path, sys.argv[1:]):
    table = read_table(path)
    header, card = table.header, table.header.validation
    low, high = card.mape_interval or (0.0, 0.0)
    flags = [word for word, on in (("CONTENDED", header.contended), (usable(table) or "", usable(table))) if on]
    print(
        f"| {header.conditions.runtime} | {header.conditions.precision} | {header.seconds:.0f} s, "
        f"{len(table.timings)} entries | {card.mape:.1%} ({low:.1%} to {high:.1%}) | {card.raw_mape:.1%} | "
        f"{card.within_5:.0%} | {card.within_10:.0%} | {card.worst:.1%} | {card.spearman:.3f} | {card.floor:.1%} | "
        f"{card.error_over_floor:.2f} | {', '.join(flags)} |"
    )
