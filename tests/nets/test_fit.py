import pytest
import torch
from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.plan import lower
from nas.nets.batches import inputs, placed
from nas.nets.build import Network, build
from nas.nets.data import Data, Split
from nas.nets.descent import optimiser_of
from nas.nets.fit import fit
from nas.nets.recipe import Recipe
from nas.nets.train import Course, evaluate, recalibrate, train
from nas.nets.weights import state_of


@pytest.fixture
def network(small: Architecture, data: Data) -> Network:
    found = placed(build(lower(small), dropout=0.2, seed=1))
    recipe = Recipe()
    train(found, optimiser_of(found, recipe), data.train, Course(0, 64, 64, 0.1, 32, 0, mirror=False), recipe)
    recalibrate(found, data.train, 32, 256)
    return found


def mean_loss(network: Network, data: Data, resolution: int) -> float:
    return float(evaluate(network, data.val, resolution)[0].mean())


def test_scaling_the_features_is_taken_back_exactly(network: Network, data: Data) -> None:
    fit(network, data, 32, 96, 0, Recipe(bridge_pictures=0, fit_steps=0))
    images = inputs(data.val.images, 96)
    with torch.inference_mode():
        found = network(images)
        recalibrate(network, data.train, 96, Recipe().fit_norm_images)
        torch.testing.assert_close(found, network(images), rtol=1e-3, atol=1e-4)


def test_norms_and_head_each_help(network: Network, data: Data) -> None:
    unfit = mean_loss(network, data, 96)
    recalibrate(network, data.train, 96, 128)
    normed = mean_loss(network, data, 96)
    fit(network, data, 32, 96, 0, Recipe(bridge_pictures=0))
    assert mean_loss(network, data, 96) < normed < unfit


def coloured(split: Split) -> Split:
    return Split(split.images.repeat(1, 3, 1, 1), split.labels)


def test_photos_and_pictures_are_bridged_half_way_by_their_own_steps(network: Network, data: Data) -> None:
    sizes: list[int] = []
    network.get_submodule("stem").register_forward_hook(lambda _, given, __: sizes.append(given[0].shape[-1]))
    recipe = Recipe(bridge_photos=2, bridge_pictures=0, fit_steps=0, fit_norm_images=32)
    photos = replace(data, train=coloured(data.train), val=coloured(data.val), test=coloured(data.test))
    fit(network, photos, 32, 128, 0, recipe)
    assert sizes[:2] == [64, 64]
    assert set(sizes[2:]) == {128}
    sizes.clear()
    fit(network, data, 32, 128, 0, recipe)
    assert set(sizes) == {128}


def test_what_lies_before_the_pool_keeps_its_weights(network: Network, data: Data) -> None:
    before = state_of(network)
    fit(network, data, 32, 96, 0, Recipe(bridge_pictures=0, fit_steps=5))
    changed = {name for name, value in state_of(network).items() if not torch.equal(value, before[name])}
    trained = {name for name in changed if not name.endswith(("running_mean", "running_var"))}
    assert trained == {
        f"head_{layer}.linear.{part}" for layer in ("hidden", "classifier") for part in ("weight", "bias")
    }


def test_the_seed_decides(small: Architecture, network: Network, data: Data) -> None:
    start = state_of(network)
    found = []
    for seed in (0, 0, 1):
        network.load_state_dict(start)
        fit(network, data, 32, 64, seed, Recipe(fit_steps=3))
        found.append(state_of(network)["head_classifier.linear.weight"])
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_a_budget_of_pixels_bounds_the_images(network: Network, data: Data) -> None:
    seen = []
    network.get_submodule("head_pool").register_forward_hook(lambda _, __, out: seen.append(len(out)))
    fit(network, data, 32, 64, 0, Recipe(fit_pixels=100 * 64**2, bridge_pictures=0, fit_norm_images=32, fit_steps=0))
    assert sum(seen) == 32 + 100
