"""Which cheap score ranks networks of equal latency as training each of them alone does?

    python experiments/found_networks/rank.py --data DATA --table TABLE --out FOLDER ... --networks 40 --alone-epochs 5

Run with the options and in the folder of a finished `study.py`, whose shared weights are the ones judged. Networks are
drawn at random from the latencies that were searched, trained alone, and their test accuracy is the truth.
"""

import sys
from pathlib import Path

import torch
from study import Study, arguments

from nas.algorithms.block_search.prepare import prepare_search
from nas.algorithms.evaluators.evaluators import ByTraining
from nas.algorithms.workers.job_cache import derive
from nas.design.architecture import Architecture
from nas.design.cost import macs
from nas.design.files import write_json
from nas.design.graph import lower
from nas.jobs import Train
from nas.nets.data.dataset import load_data
from nas.nets.data.limit import limited
from nas.nets.network import with_weights
from nas.nets.training.loop import evaluate
from nas.nets.weights.weights_file import load_weights

sys.path.insert(0, str(Path(__file__).parents[1] / "supernet"))
from proxies import parameters, synflow, zen_score
from zero_cost import tau_interval


def main() -> None:
    torch.set_num_threads(1)
    asked = arguments()
    data = limited(load_data(asked.data, 0), asked.images, 0)
    study = Study(asked, data)
    archs = study.drawn("truth", asked.networks)
    truth = [alone(study, arch) for arch in archs]
    tests = [test for test, _ in truth]
    print(
        f"{data.name}: {len(archs)} networks alone, {asked.alone_epochs:g} epochs: test accuracy "
        f"{min(tests):.3f} to {max(tests):.3f}",
        flush=True,
    )
    scores: dict[str, list[float]] = {"validation of the same training": [val for _, val in truth]}
    trained = ByTraining(study.context(asked.seeds[0], "train", "tpe"))
    outcomes = trained({arch: lambda accuracy, rung: False for arch in archs})
    scores["train, accuracy"] = [outcomes[arch][-1].score.accuracy for arch in archs]
    scores["train, loss"] = [-outcomes[arch][-1].score.loss for arch in archs]
    for seed in asked.seeds:
        ctx = study.context(seed, "supernet", "predictor")
        shared = prepare_search(ctx, study.space, [ctx]).evaluator(ctx)
        looks = shared({arch: lambda accuracy, rung: False for arch in archs})
        scores[f"supernet {seed}, accuracy"] = [looks[arch][-1].score.accuracy for arch in archs]
        scores[f"supernet {seed}, loss"] = [-looks[arch][-1].score.loss for arch in archs]
    mean = [sum(values) for values in zip(*(scores[f"supernet {seed}, loss"] for seed in asked.seeds), strict=True)]
    scores["supernets together, loss"] = mean
    scores["parameters"] = [parameters(arch) for arch in archs]
    scores["MACs"] = [float(macs(lower(arch))) for arch in archs]
    scores["zen-score"] = [zen_score(arch) for arch in archs]
    scores["synflow"] = [synflow(arch) for arch in archs]
    rows = {name: tau_interval(found, tests) for name, found in scores.items()}
    for name, (tau, low, high) in rows.items():
        print(f"  {name:34} tau {tau:5.2f} ({low:5.2f} to {high:5.2f})", flush=True)
    write_json(asked.out / "rank.json", {"test": tests, "scores": scores, "tau": rows})


def alone(study: Study, arch: Architecture) -> tuple[float, float]:
    """Test and validation accuracy of a network trained by itself."""
    epochs = study.asked.alone_epochs
    outcome, weights = study.work.one(Train(arch, 0, epochs, epochs, derive("alone"), Path()))
    network = with_weights(lower(arch), load_weights(weights, arch).state)
    hits = evaluate(network, study.data.test, arch.resolution).answers
    return float(hits.float().mean()), outcome.score.accuracy


if __name__ == "__main__":
    main()
