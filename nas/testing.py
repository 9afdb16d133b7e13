"""Contract tests for those who bring an evaluator, a sampler or a runtime: call one with what you made.

Each raises AssertionError with a sentence where the contract is broken, and returns nothing where it holds.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nas.algorithms.pipeline.context import MakeSampler
from nas.algorithms.samplers.optuna_study import Study
from nas.design.architecture import Architecture
from nas.design.cost import params
from nas.design.graph import lower
from nas.design.known import known
from nas.design.size import Size
from nas.design.space import load_space
from nas.interfaces import Evaluate
from nas.runtimes.runtime import Runtime


def check_evaluator(
    evaluate: Evaluate, space: str = "mobilenet_v3_small", resolution: Size = 96, count: int = 3
) -> None:
    """Check that an evaluator gives one finite number for each architecture, in their order, whoever else is there."""
    blocks, rng = load_space(space), random.Random(0)
    drawn = [blocks.sample(rng, resolution) for _ in range(count)]
    values = _values(evaluate, drawn)
    assert len(values) == count, f"{count} architectures were given and {len(values)} values came back"
    for value in values:
        assert math.isfinite(value), f"{value} is no finite number"
    backwards = _values(evaluate, drawn[::-1])[::-1]
    assert np.allclose(values, backwards, rtol=0.05), (
        f"the values depend on the order of the architectures: {values}, and backwards {backwards}"
    )


def _values(evaluate: Evaluate, architectures: Sequence[Architecture]) -> list[float]:
    return [float(value) for value in evaluate(list(architectures))]


def check_sampler(make: MakeSampler, folder: Path, trials: int = 8) -> None:
    """Check that a sampler proposes networks, repeats itself with the same seed, and goes on after a kill.

    Its study is kept in `folder`, which has to be empty.
    """
    found = [_proposed(make, folder / name, trials) for name in ("one", "two")]
    assert found[0] == found[1], "made twice of the same seed, the sampler proposes different networks"
    assert len(set(found[0])) > 1, "the sampler proposes one network over and over"
    half = _proposed(make, folder / "killed", trials // 2)
    rest = _proposed(make, folder / "killed", trials - trials // 2)
    assert [*half, *rest] == found[0], "opened again in the middle, the study goes on with other networks"


def _proposed(make: MakeSampler, folder: Path, trials: int) -> list[Architecture]:
    folder.mkdir(parents=True, exist_ok=True)
    space = load_space("mobilenet_v3_small")
    study = Study(folder / "study.journal", space, 96, 10, seed=0, startup=2, sampler="own", make_sampler=make)
    found = []
    for _ in range(trials):
        candidate = study.ask()
        candidate.constrain(0.0)
        found.append(candidate.architecture)
        study.tell(candidate, float(params(lower(candidate.architecture))))
    return found


def check_runtime(runtime: Runtime, folder: Path, tolerance: float = 1e-3) -> None:
    """Check that a runtime computes what torch does, from the graph, from a file's content and from a file.

    `tolerance` is the largest difference of an output, as a share of the largest output; files go to `folder`.
    """
    from nas.runtimes import open_runtime
    from nas.runtimes.graphs.random_weights import random_weights

    graph = lower(known("mobilenet_v3_small-0.5-64", classes=10))
    weights = random_weights(graph)
    image = np.random.default_rng(0).standard_normal((runtime.batch, 3, 64, 64)).astype(np.float32)
    expected = open_runtime("torch", batch=runtime.batch).compile(graph, weights)(image)
    for name in ("name", "version", "threads", "precision", "in_thread"):
        assert hasattr(runtime, name), f"the runtime has no {name}"
    models = {"compile": runtime.compile(graph, weights)}
    if runtime.suffix is not None:
        content = runtime.encode(graph, weights)
        path = folder / f"model{runtime.suffix}"
        path.write_bytes(content)
        models |= {"open": runtime.open(content), "load": runtime.load(path)}
    for way, model in models.items():
        found = model(image)
        assert found.shape == expected.shape, f"{way}: the output is {found.shape}, and should be {expected.shape}"
        apart = float(np.abs(found - expected).max() / np.abs(expected).max())
        assert apart <= tolerance, f"{way}: outputs are {apart:.2g} of the largest away from torch's"
        assert hasattr(model, "outputs"), f"{way}: the model has no outputs"
        (same,) = model.outputs(image)
        assert np.allclose(same, found, atol=tolerance), f"{way}: outputs() and a call say different things"
        model.run()
