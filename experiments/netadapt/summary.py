"""What the study of photos found: accuracy at equal measured latency, costs, and the table against the clock.

    python experiments/netadapt/summary.py FOLDER TABLE

All networks of all seeds are timed as wholes, in turns. A method's accuracy at another's latency is interpolated
between (a little beyond: extrapolated from) its own two networks, image by image. Differences are paired by seed and
image; in brackets the middle 95 % of 10,000 bootstrap samples of seeds and of test images.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import msgspec
import numpy as np
from photos import Row

from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.records import Step
from nas.api.options.setup import open_bench, setup_of
from nas.bench.measure import measure_many
from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.latency.table import read_table

SAMPLES = 10_000
Curve = list[tuple[float, np.ndarray]]
"""A method's networks of one seed, the fastest first: milliseconds, and which test images were recognised."""


def main(folder: Path, table: Path) -> None:
    seeds = sorted(path for path in folder.iterdir() if path.name.isdigit())
    rows = {seed: [msgspec.json.decode(path.read_bytes(), type=Row) for path in seed.glob("*.json")] for seed in seeds}
    steps = {
        (seed, mode): Journal(seed / mode / "journal.jsonl").all(Step)
        for seed in seeds
        for mode in ("reference", "cheap")
        if (seed / mode).exists()
    }
    archs = [row.architecture for some in rows.values() for row in some]
    ms = timed([*archs, *(step.architecture for some in steps.values() for step in some)], table)
    arms: dict[str, dict[Path, Curve]] = defaultdict(dict)
    for seed, some in rows.items():
        for row in sorted(some, key=lambda row: (row.method, ms[row.architecture])):
            hits = np.array([float(hit) for hit in row.hits])
            arms[row.method].setdefault(seed, []).append((ms[row.architecture], hits))
    for method, curves in sorted(arms.items()):
        points = zip(*curves.values(), strict=True)
        print(f"{method:28}" + "   ".join(told(each) for each in points))
    for ours in ("cheap", "reference"):
        for theirs in sorted(arms.keys() - {ours}):
            if ours in arms:
                print(f"{ours} - {theirs}: {difference(arms[ours], arms[theirs])}")
    for (seed, mode), some in steps.items():
        errors = [step.predicted_ms / ms[step.architecture] - 1 for step in some]
        costs = {path.stem: json.loads(path.read_text()) for path in sorted((seed / mode).glob("cost-*.json"))}
        print(
            f"seed {seed.name}, {mode}: {len(some) - 1} steps, {costs}; predicted against measured: mean "
            f"{mean(errors):+.1%}, mean size {mean(map(abs, errors)):.1%}, worst {max(errors, key=abs):+.1%}"
        )


def timed(archs: Sequence[Architecture], path: Path) -> dict[Architecture, float]:
    """Milliseconds of every network, at the table's speed."""
    table, distinct = read_table(path), list(dict.fromkeys(archs))
    found = measure_many([lower(arch) for arch in distinct], open_bench(setup_of(table.header), print), table)
    return {arch: one.settled_ms for arch, one in zip(distinct, found, strict=True)}


def told(points: Sequence[tuple[float, np.ndarray]]) -> str:
    each = ", ".join(f"{100 * hits.mean():.1f}" for _, hits in points)
    return f"{mean(ms for ms, _ in points):.2f} ms {100 * mean(hits.mean() for _, hits in points):.1f} % ({each})"


def at(curve: Curve, ms: float) -> np.ndarray:
    """Hits at a latency, on the line through the curve's two networks; no further beyond them than they are apart."""
    (fast, few), (slow, many) = curve[0], curve[-1]
    share = np.clip((ms - fast) / (slow - fast), -1, 2) if slow > fast else 0.0
    return few + share * (many - few)


def difference(ours: dict[Path, Curve], theirs: dict[Path, Curve]) -> str:
    """Points of accuracy at the latencies of our networks."""
    seeds = sorted(ours.keys() & theirs.keys())
    gains = np.array([np.mean([hits - at(theirs[seed], ms) for ms, hits in ours[seed]], axis=0) for seed in seeds])
    rng, means = np.random.default_rng(0), []
    for _ in range(SAMPLES):
        picked = gains[rng.integers(len(seeds), size=len(seeds))]
        means.append(picked[:, rng.integers(gains.shape[1], size=gains.shape[1])].mean())
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{100 * gains.mean():+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}), {len(seeds)} seeds"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
