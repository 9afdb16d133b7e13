"""Which sampler finds the best network under a budget, and how soon, without training anything.

`python run.py CSV WORK` evaluates 500 networks of the once-for-all space for each sampler, seed and oracle, under
240 M MACs. Each run is a line of WORK/runs.jsonl, so an interrupted benchmark goes on where it was. `result.json` and
the printed tables are of the runs so far; `--seconds` stops after about so long.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from oracle import KINDS, choices_of, fit, read, row_of
from scipy.stats import t

from nas.algorithms.samplers.encoding import Genome
from nas.algorithms.samplers.optuna_study import PredictorSampler
from nas.algorithms.samplers.predictor import Proposer
from nas.design.cost import macs, op_macs, params
from nas.design.graph import lower, parts
from nas.design.space import load_space
from nas.design.walk import GraphPart

BUDGET, SEEDS, AFTER = 240e6, 10, (100, 250, 500)
SPACE = load_space("ofa_mobilenet_v3")
OPTIONS = SPACE.options()
HIDDEN_BIAS = 1280  # their hidden layer has no bias
Choices = Mapping[str, Any]


@lru_cache(maxsize=65536)
def _part_macs(part: GraphPart) -> int:
    return sum(op_macs(node.op) for node in part.nodes)


def price(choices: Choices) -> float:
    """MACs, added up as a price list adds up milliseconds."""
    return sum(map(_part_macs, parts(SPACE.draw(lambda name, _: choices[name]))))


def excess(choices: Choices) -> float:
    return price(choices) / BUDGET - 1


def predictor(seed: int) -> BaseSampler:
    return PredictorSampler(Proposer(Genome(SPACE), excess, seed))


def no_draws(seed: int) -> BaseSampler:
    return PredictorSampler(Proposer(Genome(SPACE), excess, seed, draws=0))


def alike_only(seed: int) -> BaseSampler:
    genome = Genome(SPACE)
    return PredictorSampler(Proposer(genome, excess, seed, features=[genome.features]))


def one_hot(seed: int) -> BaseSampler:
    genome = Genome(SPACE)
    return PredictorSampler(Proposer(genome, excess, seed, features=[np.eye(len(genome.features))]))


def one_hot_25(seed: int) -> BaseSampler:
    """As published: 50 random networks, batches of 25, no uncertainty."""
    genome = Genome(SPACE)
    features = [np.eye(len(genome.features))]
    return PredictorSampler(Proposer(genome, excess, seed, startup=50, batches=(25, 25), draws=0, features=features))


def tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed, multivariate=True)


def motpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed)


def nsga2(seed: int) -> BaseSampler:
    return NSGAIISampler(seed=seed, population_size=20)


# What a sampler is told: accuracy in per cent and MACs -> its objectives; whether it is told the constraint.
Objectives = Callable[[float, float], list[float]]


def _accuracy(accuracy: float, cost: float) -> list[float]:
    return [accuracy]


def _both(accuracy: float, cost: float) -> list[float]:
    return [accuracy, -cost / BUDGET]


def _reward(exponent: float) -> Objectives:
    return lambda accuracy, cost: [accuracy * (cost / BUDGET) ** exponent]


METHODS: dict[str, tuple[Callable[[int], BaseSampler], Objectives, bool]] = {
    "predictor": (predictor, _accuracy, True),
    "random": (lambda seed: RandomSampler(seed=seed), _accuracy, True),
    "nsga2": (nsga2, _accuracy, True),
    "one-hot, 50 random, batches of 25": (one_hot_25, _accuracy, True),
    "tpe": (tpe, _accuracy, True),
    "MnasNet reward, w = -0.07": (tpe, _reward(-0.07), False),
    "MnasNet reward, w = -0.15": (tpe, _reward(-0.15), False),
    "predictor, no draws": (no_draws, _accuracy, True),
    "predictor, alike only": (alike_only, _accuracy, True),
    "predictor, one-hot only": (one_hot, _accuracy, True),
    "motpe": (motpe, _both, True),
}


LAST = ("predictor, no draws", "predictor, alike only", "predictor, one-hot only", "motpe")


def search(name: str, seed: int, accuracy_of: Callable[[Choices], float]) -> dict[str, Any]:
    """One run: the best under the budget after so many evaluations, the share under it, sampler CPU ms a trial."""
    make, objectives, told = METHODS[name]
    sampler, values, spent = make(seed), list[tuple[float, bool]](), [0.0]
    study = optuna.create_study(directions=["maximize"] * len(objectives(1.0, 1.0)), sampler=sampler)
    for _ in range(AFTER[-1]):
        start = time.process_time()
        trial = study.ask()
        choices = {decision: trial.suggest_categorical(decision, among) for decision, among in OPTIONS.items()}
        spent.append(time.process_time() - start)
        cost, accuracy = price(choices), accuracy_of(choices)
        values.append((accuracy, cost <= BUDGET))
        if told:
            trial.set_constraint("macs", cost / BUDGET - 1)
        study.tell(trial, objectives(accuracy, cost))
    return {
        "best": [max((a for a, feasible in values[:n] if feasible), default=math.nan) for n in AFTER],
        "feasible": mean(feasible for _, feasible in values),
        "sampler_ms": [1e3 * sum(spent[: n + 1]) / n for n in AFTER],
    }


def check_counts(path: Path) -> None:
    """Refuse to go on unless our parameters and MACs are the published ones on every network."""
    table, rows = read(path)
    for row, published in zip(table, rows, strict=True):
        choices = choices_of(row)
        graph = lower(SPACE.draw(lambda name, _, choices=choices: choices[name]))  # type: ignore[misc]
        ours = params(graph) - HIDDEN_BIAS, macs(graph)
        assert ours == (int(published["params"]), int(published["macs"])) == (ours[0], price(choices)), published
    print(f"parameters (without {HIDDEN_BIAS} biases) and MACs are the published ones on all {len(rows)} networks")


def interval(values: list[float]) -> tuple[float, float]:
    """The mean and half of its 95 % interval (Student's t)."""
    return mean(values), float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))


def summarise(runs: list[dict[str, Any]], oracle: str, name: str) -> dict[str, Any]:
    ours = [run for run in runs if run["oracle"] == oracle and run["sampler"] == name]
    columns = {str(n): interval([run["best"][k] for run in ours]) for k, n in enumerate(AFTER)}
    return {
        "oracle": oracle,
        "sampler": name,
        "seeds": len(ours),
        "best": {n: {"mean": round(m, 3), "ci95": round(half, 3)} for n, (m, half) in columns.items()},
        "feasible": round(mean(run["feasible"] for run in ours), 3),
        "sampler_ms": {str(n): round(mean(run["sampler_ms"][k] for run in ours), 1) for k, n in enumerate(AFTER)},
    }


def line(row: dict[str, Any]) -> str:
    best = " | ".join(f"{row['best'][str(n)]['mean']:.2f} ± {row['best'][str(n)]['ci95']:.2f}" for n in AFTER)
    return f"| {row['sampler']} | {best} | {row['feasible']:.2f} | {row['sampler_ms'][str(AFTER[-1])]:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--seconds", type=float, default=math.inf)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    check_counts(arguments.csv)
    arguments.work.mkdir(parents=True, exist_ok=True)
    log, stop = arguments.work / "runs.jsonl", time.monotonic() + arguments.seconds
    table, published = read(arguments.csv)
    top1 = np.array([float(row["imagenet_top1"]) for row in published])
    oracles = {kind: fit(table, top1, kind) for kind in KINDS}
    runs = [json.loads(text) for text in log.read_text().splitlines()] if log.exists() else []
    done = {(run["oracle"], run["sampler"], run["seed"]) for run in runs}
    todo = [(kind, name, seed) for kind in KINDS for name in METHODS for seed in range(SEEDS)]
    todo.sort(key=lambda job: job[1] in LAST)
    for kind, name, seed in todo:
        if (kind, name, seed) in done:
            continue
        if time.monotonic() > stop:
            break
        run = search(name, seed, _asking(oracles[kind]))
        runs.append({"oracle": kind, "sampler": name, "seed": seed, **run})
        with log.open("a") as file:
            file.write(json.dumps(runs[-1]) + "\n")
    report(runs)


def _asking(oracle: Callable[[Any], Any]) -> Callable[[Choices], float]:
    return lambda choices: float(oracle(row_of(choices)[None])[0])


def report(runs: list[dict[str, Any]]) -> None:
    """Print a table an oracle, and write all to `result.json`."""
    summaries = []
    for kind in KINDS:
        print(f"\noracle: {kind}\n| sampler | {' | '.join(map(str, AFTER))} | feasible | ms a trial |")
        for name in METHODS:
            if sum(run["oracle"] == kind and run["sampler"] == name for run in runs) > 1:
                summaries.append(summarise(runs, kind, name))
                print(line(summaries[-1]))
    result = {"budget_macs": BUDGET, "optuna": optuna.__version__, "samplers": summaries}
    (Path(__file__).parent / "result.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
