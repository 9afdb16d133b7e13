"""What a study found: accuracies, differences with intervals, latencies by the clock.

    python experiments/found_networks/summary.py FOLDER [TABLE]

Differences are paired, image by image and seed by seed; in brackets the middle 95 % of 10,000 bootstrap samples of
seeds and of test images. With the table of this machine all networks are also timed as wholes, in turns.
"""

import sys
from itertools import groupby
from pathlib import Path

import msgspec
import numpy as np
from study import Row, Rows

from nas.api.options.setup import open_bench, setup_of
from nas.bench.measure import measure_many
from nas.design.graph import lower
from nas.latency.table import read_table

SAMPLES = 10_000
Hits = dict[int, np.ndarray]


def main(folder: Path, table: Path | None = None) -> None:
    files = [msgspec.json.decode(path.read_bytes(), type=Rows) for path in sorted(folder.glob("*-?.json"))]
    rows = [(file.seed, row) for file in files for row in file.rows]
    arms: dict[str, Hits] = {}
    for seed, row in rows:
        arms.setdefault(f"{row.name} {row.ending}", {})[seed] = np.array([int(hit) for hit in row.hits])
    for name, hits in sorted(arms.items()):
        each = ", ".join(f"{100 * hits[seed].mean():.1f}" for seed in sorted(hits))
        print(f"{name:30} {100 * np.mean([hit.mean() for hit in hits.values()]):5.1f} % ({each})")
    for one in ("supernet scratch", "supernet inherited", "random scratch", "train scratch"):
        for other in sorted(arms):
            if one in arms and other.endswith("scratch") and not other.startswith(("supernet", one)):
                say(one, other, arms[one], arms[other])
    if table is not None:
        clock(rows, table)


def say(one: str, other: str, ours: Hits, theirs: Hits) -> None:
    seeds = sorted(ours.keys() & theirs.keys())
    gains = np.array([ours[seed] - theirs[seed] for seed in seeds])
    rng = np.random.default_rng(0)
    means = []
    for _ in range(SAMPLES):
        picked = gains[rng.integers(len(seeds), size=len(seeds))]
        means.append(picked[:, rng.integers(gains.shape[1], size=gains.shape[1])].mean())
    low, high = np.quantile(means, (0.025, 0.975))
    interval = f"{100 * low:+.1f} to {100 * high:+.1f}"
    print(f"{one} - {other}: {100 * gains.mean():+.1f} points ({interval}), {len(seeds)} seeds")


def clock(rows: list[tuple[int, Row]], path: Path) -> None:
    table = read_table(path)
    bench = open_bench(setup_of(table.header), print)
    ordered = sorted(rows, key=lambda pair: pair[1].name)
    distinct = [next(group)[1] for _, group in groupby(ordered, key=lambda pair: pair[1].architecture)]
    timed = measure_many([lower(row.architecture) for row in distinct], bench, table)
    for row, found in zip(distinct, timed, strict=True):
        nominal = "" if found.nominal_ms is None else f", {found.nominal_ms:.3f} ms at the table's speed"
        print(
            f"{row.name:24} {row.predicted_ms:.3f} ms predicted, {found.measured_ms:.3f} ms measured{nominal}, "
            f"repeatable to {found.floor_ms:.3f}; {row.params / 1e6:.2f} M parameters, {row.macs / 1e6:.0f} M MACs"
        )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
