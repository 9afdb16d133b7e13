"""Tables of the finished trainings: python experiments/resolution/summary.py LINES.jsonl

Accuracy is that at the resolution that ships. `against full` is the difference, on the validation and test images
together, from the same network trained at that resolution all the time, seed by seed; its interval is 95 %, over the
images (paired, mean of the seeds), so it does not hold what another seed would change. `work` are the multiply-adds
of the training as a share of that one's; `seconds` of the thread mean little where a GPU computes.
"""

import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from plans import Run
from schedule import Line, read_lines

from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.known import known

FULL = "share 1.0 ratio 0.5"
Reference = tuple[str, str, int, int]  # data, network, resolution, seed


def main() -> None:
    lines = read_lines(Path(sys.argv[1]))
    full = {reference_of(line.run): line for line in lines if line.run.plan == FULL}
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        groups[title_of(line.run)].append(line)
    for title, members in groups.items():
        print(f"\n{title}\n")
        print("| plan | seeds | val % | test % | test, by seed | against full, points | work | seconds |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for plan in sorted({line.run.plan for line in members}):
            print(row_of(plan, [line for line in members if line.run.plan == plan], full))


def title_of(run: Run) -> str:
    if run.group in ("resolutions", "lite0 sides"):
        return f"{run.group}: {run.data}"
    return f"{run.data}, {run.network} at {run.resolution} px"


def reference_of(run: Run) -> Reference:
    return run.data, run.network, run.resolution, run.seed


def row_of(plan: str, lines: Sequence[Line], full: dict[Reference, Line]) -> str:
    pairs = [(line, full[reference_of(line.run)]) for line in lines if reference_of(line.run) in full]
    against = work = ""
    if pairs:
        against = "{:+.1f} ± {:.1f} ({})".format(*difference(pairs))
        work = f"{work_of(lines[0].run) / work_of(pairs[0][1].run):.2f}"
    val, test, cpu = (statistics.mean(getattr(line, name) for line in lines) for name in ("val", "test", "cpu_s"))
    each = ", ".join(f"{100 * line.test:.1f}" for line in lines)
    seeds = " ".join(str(line.run.seed) for line in lines)
    return f"| {plan} | {seeds} | {100 * val:.1f} | {100 * test:.1f} | {each} | {against} | {work} | {cpu:.0f} |"


def work_of(run: Run) -> float:
    """Epochs times the multiply-adds of an image."""
    costs = {phase.side: macs(lower(known(f"{run.network}-{phase.side}"))) for phase in run.phases}
    return run.epochs * sum(phase.share * costs[phase.side] for phase in run.phases)


def difference(pairs: Sequence[tuple[Line, Line]]) -> tuple[float, float, str]:
    """Mean, half-width and the means of the seeds, in points."""
    seeds = [[int(a) - int(b) for a, b in zip(hits_of(one), hits_of(whole), strict=True)] for one, whole in pairs]
    images = [100 * statistics.mean(of_image) for of_image in zip(*seeds, strict=True)]
    half = 1.96 * statistics.stdev(images) / math.sqrt(len(images))
    return statistics.mean(images), half, ", ".join(f"{100 * statistics.mean(seed):+.1f}" for seed in seeds)


def hits_of(line: Line) -> str:
    return line.val_hits + line.test_hits


if __name__ == "__main__":
    main()
