from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import Adam

from nas.design.architecture import Architecture
from nas.design.graph import is_normed, lower
from nas.design.known import known
from nas.errors import NasError
from nas.nets.data.dataset import Data, Split
from nas.nets.network import Network, build
from nas.nets.training.augment.augmentation import Augmentation
from nas.nets.training.augment.pipeline import augment_images
from nas.nets.training.batches import inputs, mixed, placed
from nas.nets.training.loop import TrainingRun, calibration, evaluate, recalibrate, train
from nas.nets.training.optim import optimiser_of
from nas.nets.training.recipe import Recipe, peak_rate, rate_at
from nas.nets.weights.weights_file import load_weights, save_weights, state_of, stored_classes


def course(first: int, last: int, total: int, rate: float = 0.1) -> TrainingRun:
    return TrainingRun(first, last, total, rate, 32, 0, mirror=False)


def trained(arch: Architecture, split: Split, steps: int, recipe: Recipe) -> Network:
    network = placed(build(lower(arch), seed=1))
    train(network, optimiser_of(network, recipe), split, course(0, steps, steps, recipe.picture_rate), recipe)
    return network


def accuracy(network: Network, split: Split, resolution: int = 32) -> float:
    return float(evaluate(network, split, resolution).answers.float().mean())


def test_training_learns(small: Architecture, data: Data) -> None:
    network = trained(small, data.train, 120, Recipe())
    recalibrate(network, data.train, 32, 256)
    assert accuracy(network, data.val) > 0.7


def test_re_estimated_norms_score_better_than_lagging_ones(small: Architecture, data: Data) -> None:
    network = placed(build(lower(small), seed=1))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.01  # the papers'
    train(network, optimiser_of(network, Recipe()), data.train, course(0, 60, 60), Recipe())
    before = accuracy(network, data.val)
    recalibrate(network, data.train, 32, 256)
    assert accuracy(network, data.val) > before + 0.1


@pytest.mark.parametrize("count", [1, 64, 65, 129, 193])
def test_no_batch_of_norms_is_much_smaller_than_the_others(count: int, data: Data) -> None:
    """All count alike, and a last one of one image with maps of one pixel would have no variance at all."""
    sizes = [len(images) for images in calibration(data.train, 32, count)]
    assert sum(sizes) == count
    assert max(sizes) <= 64
    assert max(sizes) - min(sizes) <= 1


def test_re_estimated_statistics_are_the_datas_own(small: Architecture, data: Data) -> None:
    network = build(lower(small)).eval()
    recalibrate(network, data.train, 32, count=len(data.train))
    seen = network.get_submodule("stem.conv")(inputs(data.train.images, 32))
    norm = network.get_submodule("stem.norm")
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, seen.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    # The plain average of the variances of parts leaves out how the parts' means differ.
    torch.testing.assert_close(norm.running_var, seen.var((0, 2, 3)), rtol=2e-2, atol=1e-3)
    assert norm.momentum == 0.1
    assert not norm.training


def test_a_loss_that_is_not_finite_stops_with_a_sentence(small: Architecture, data: Data) -> None:
    network = placed(build(lower(small)))
    with torch.no_grad():
        network.get_submodule("head_classifier.linear").weight.fill_(torch.inf)  # type: ignore[operator]
    with pytest.raises(NasError, match=r"Training diverged: the loss is (nan|inf) at step 0"):
        train(network, optimiser_of(network, Recipe()), data.train, course(0, 1, 1), Recipe())


def test_norms_and_biases_are_not_decayed(small: Architecture) -> None:
    network = build(lower(small))
    decayed, others = optimiser_of(network, Recipe()).param_groups
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert others["weight_decay"] == 0
    assert len(decayed["params"]) + len(others["params"]) == len(list(network.parameters()))


def test_training_leaves_the_callers_random_numbers(small: Architecture, data: Data) -> None:
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    trained(small, data.train, 2, Recipe())
    assert torch.equal(torch.rand(3), expected)


def test_training_is_repeatable(small: Architecture, data: Data) -> None:
    one, two = (state_of(trained(small, data.train, 5, Recipe())) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_train_shows_small_images_first_and_those_that_ship_last(tiny: Architecture, data: Data) -> None:
    """A course that is the second half of a schedule of 10 steps, of which 7 are small."""
    network, recipe = build(lower(tiny)), Recipe(small=8, full_share=0.3)
    seen: list[tuple[int, ...]] = []
    network.get_submodule("stem").register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape)))
    course = TrainingRun(5, 10, 10, 0.1, 16, 0, mirror=False, small_steps=recipe.small_steps(10))
    train(network, optimiser_of(network, recipe), data.train, course, recipe)
    assert seen == [(32, 3, 8, 8)] * 2 + [(32, 3, 16, 16)] * 3


@given(st.integers(2, 500), st.floats(0.0, 0.5))
def test_the_rate_rises_to_its_peak_and_falls_to_nothing(total: int, warm_up: float) -> None:
    rates = [rate_at(step, total, 1.0, warm_up) for step in range(total)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(1.0, abs=1 / max(1, warm_up * total) + 1e-9)
    assert 0 < rates[-1] <= rates[peak]


def test_inputs_are_normalised_as_imagenet_is() -> None:
    grey = torch.tensor([[0, 255], [255, 0]], dtype=torch.uint8).view(1, 1, 2, 2)
    found = inputs(grey, 2)
    assert found.shape == (1, 3, 2, 2)
    assert found[0, :, 0, 0].tolist() == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], abs=1e-5)
    assert found[0, :, 0, 1].tolist() == pytest.approx([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225], abs=1e-5)


def test_photos_are_mirrored_half_of_the_time() -> None:
    torch.manual_seed(0)
    image = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4).expand(200, 3, 4, 4)
    plain, turned = inputs(image[:1], 4), inputs(image[:1].flip(3), 4)
    found = augment_images(image, 4, Augmentation(flip=True), mirror=True)
    as_is = sum(bool(torch.allclose(one, plain[0], atol=1e-3)) for one in found)
    mirrored = sum(bool(torch.allclose(one, turned[0], atol=1e-3)) for one in found)
    assert as_is + mirrored == 200
    assert 70 < as_is < 130


def test_mixed_seeds_differ() -> None:
    assert len({mixed(a, b) for a in range(20) for b in range(20)}) == 400


def test_evaluation_is_of_every_image_in_order(small: Architecture, data: Data, tmp_path: Path) -> None:
    network = build(lower(small)).eval()
    judged = evaluate(network, data.val, 32)
    with torch.inference_mode():
        logits = network(inputs(data.val.images, 32))
    torch.testing.assert_close(
        judged.losses, torch.nn.functional.cross_entropy(logits, data.val.labels, reduction="none")
    )
    assert torch.equal(judged.answers, logits.argmax(1) == data.val.labels)


def test_a_network_without_norms_learns_by_adam(data: Data) -> None:
    arch = known("squeezenet_1_1-0.25-32", classes=10)
    network, recipe = build(lower(arch)), Recipe()
    optimiser = optimiser_of(network, recipe)
    assert isinstance(optimiser, Adam)
    assert not is_normed(network.graph)
    rate = peak_rate(recipe, data, gentle=False, normed=False)
    assert peak_rate(recipe, data, gentle=True, normed=False) == pytest.approx(rate / 5)
    before = state_of(network)
    train(network, optimiser, data.train, course(0, 2, 2, rate), recipe)
    assert all(not torch.equal(before[name], value) for name, value in state_of(network).items() if "squeeze" in name)


def test_weights_of_a_network_without_norms_are_read_back(tmp_path: Path) -> None:
    arch = known("squeezenet_1_1-0.25-32", classes=3)
    state = state_of(build(lower(arch)))
    save_weights(tmp_path / "squeeze.safetensors", state)
    loaded = load_weights(tmp_path / "squeeze.safetensors", arch)
    assert loaded.fresh == ()
    assert stored_classes(tmp_path / "squeeze.safetensors") == 3
