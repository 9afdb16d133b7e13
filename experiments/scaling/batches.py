"""What it costs in found accuracy that many networks are proposed before the first of them is evaluated.

    python experiments/scaling/batches.py CSV WORK

The offline benchmark of ../samplers with its own predictor: best top-1 under 240 M MACs after 100 and 250 evaluations,
by how many are asked for at a time. Each run is a line of WORK/batches.jsonl; `batches.json` is of the runs so far.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "samplers"))

from oracle import KINDS, fit, read, row_of  # noqa: E402
from run import BUDGET, OPTIONS, Choices, interval, predictor, price  # noqa: E402

BATCHES, AFTER, SEEDS = (1, 4, 16, 24, 48, 96), (100, 250), range(5)


def search(batch: int, seed: int, accuracy_of: Callable[[Choices], float]) -> list[float]:
    """The best under the budget after so many evaluations."""
    study = optuna.create_study(direction="maximize", sampler=predictor(seed))
    values: list[float] = []
    while len(values) < AFTER[-1]:
        trials = [study.ask() for _ in range(min(batch, AFTER[-1] - len(values)))]
        asked = [{name: t.suggest_categorical(name, among) for name, among in OPTIONS.items()} for t in trials]
        for trial, choices in zip(trials, asked, strict=True):
            cost, accuracy = price(choices), accuracy_of(choices)
            trial.set_constraint("macs", cost / BUDGET - 1)
            study.tell(trial, accuracy)
            values.append(accuracy if cost <= BUDGET else -1.0)
    return [max(values[:n]) for n in AFTER]


def summarise(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for kind in KINDS:
        for batch in BATCHES:
            best = [run["best"] for run in runs if (run["oracle"], run["batch"]) == (kind, batch)]
            if len(best) < 2:
                continue
            found = [interval([values[k] for values in best]) for k in range(len(AFTER))]
            told = {str(n): [round(x, 3) for x in pair] for n, pair in zip(AFTER, found, strict=True)}
            rows.append({"oracle": kind, "batch": batch, "seeds": len(best), "best": told})
            print(f"| {kind} | {batch} | {' | '.join(f'{m:.2f} ± {half:.2f}' for m, half in found)} |")
    return rows


def main(csv: Path, work: Path) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    work.mkdir(parents=True, exist_ok=True)
    log = work / "batches.jsonl"
    table, published = read(csv)
    top1 = np.array([float(row["imagenet_top1"]) for row in published])
    runs = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {(run["oracle"], run["batch"], run["seed"]) for run in runs}
    for kind in KINDS:
        oracle = fit(table, top1, kind)
        for seed in SEEDS:
            for batch in BATCHES:
                if (kind, batch, seed) not in done:
                    best = search(batch, seed, lambda choices, oracle=oracle: float(oracle(row_of(choices)[None])[0]))
                    runs.append({"oracle": kind, "batch": batch, "seed": seed, "best": best})
                    with log.open("a") as file:
                        file.write(json.dumps(runs[-1]) + "\n")
    (FOLDER / "batches.json").write_text(json.dumps(summarise(runs), indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
