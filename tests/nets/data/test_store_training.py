from pathlib import Path

import pytest
import torch

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.jobs import Train
from nas.nets.data.dataset import Data, load_data
from nas.nets.network import build
from nas.nets.training.batches import placed
from nas.nets.training.loop import TrainingRun, calibration, evaluate, read_batches, train
from nas.nets.training.optim import optimiser_of
from nas.nets.training.recipe import Recipe
from nas.nets.weights.weights_file import load_weights
from nas.nets.worker import Worker
from tests.nets.pictures import picture

RECIPE = Recipe(batch=8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for k, name in enumerate("abcd"):
        for seed in range(12):
            path = tmp_path / "photos" / name / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(seed + 100 * k, (16, 16), 40 * k).save(path)
    return tmp_path / "photos"


@pytest.fixture
def both(photos: Path) -> tuple[Data, Data]:
    """The same images in memory and in a store."""
    memory = load_data(str(photos))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.nets.data.pictures.MOST_IN_MEMORY", 0)
        return memory, load_data(str(photos))


def course(first: int, last: int) -> TrainingRun:
    return TrainingRun(first, last, 8, 0.05, 16, 3, mirror=True)


def test_read_batches_gives_the_same_batches_from_a_store_as_from_memory(both: tuple[Data, Data]) -> None:
    memory, stored = both
    pairs = zip(
        read_batches(memory.train, course(0, 8), RECIPE), read_batches(stored.train, course(0, 8), RECIPE), strict=True
    )
    for number, ((step, images, labels), (other_step, other_images, other_labels)) in enumerate(pairs):
        assert step == other_step == number
        assert torch.equal(images, other_images)
        assert torch.equal(labels, other_labels)


def test_train_from_a_store_equals_train_from_memory(tiny: Architecture, both: tuple[Data, Data]) -> None:
    states, losses = [], []
    for data in both:
        network = placed(build(lower(tiny), seed=1))
        train(network, optimiser_of(network, RECIPE), data.train, course(0, 8), RECIPE)
        states.append(network.state_dict())
        losses.append(evaluate(network, data.val, 16).losses)
    assert torch.equal(*losses)
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_train_from_a_store_goes_on_exactly_where_it_stopped(
    tiny: Architecture, both: tuple[Data, Data], tmp_path: Path
) -> None:
    _, stored = both

    def run(first: float, last: float, out: str, start: str | None = None) -> dict[str, torch.Tensor]:
        begin = None if start is None else tmp_path / start
        Worker(stored, RECIPE)(Train(tiny, first, last, 4.0, 5, tmp_path / out, begin))
        return load_weights(tmp_path / out, tiny).state

    whole = run(0, 4, "whole.safetensors")
    run(0, 2, "half.safetensors")
    resumed = run(2, 4, "rest.safetensors", "half.safetensors")
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_calibration_from_a_store_equals_that_from_memory(both: tuple[Data, Data]) -> None:
    for one, other in zip(*(calibration(data.train, 16, 20) for data in both), strict=True):
        assert torch.equal(one, other)
