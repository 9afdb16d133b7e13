"""Shared weights are trained for all networks of a sandwich, and score each with its own norm statistics."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from torch.func import functional_call
from torch.nn import functional as F

from nas.design.architecture import Architecture
from nas.design.container import supernet_architecture
from nas.design.graph import lower
from nas.design.space import HeadChoice, SearchSpace, StageChoice, StemChoice
from nas.errors import InvalidArchitecture, NasError
from nas.jobs import Train
from nas.nets.data.dataset import Data
from nas.nets.network import Network, build, with_weights
from nas.nets.supernet.supernet import Sandwich, SinglePath, SupernetEvaluator, share, shared_recipe, train_supernet
from nas.nets.supernet.views import fresh_norms, skeleton, views
from nas.nets.training.augment.augmentation import Augmentation
from nas.nets.training.augment.pipeline import augment_images
from nas.nets.training.batches import mixed
from nas.nets.training.loop import TrainingRun, evaluate, train
from nas.nets.training.optim import optimiser_of
from nas.nets.training.recipe import MODERN, Recipe
from nas.nets.weights.weights_file import State, load_checkpoint, load_weights, state_of

SPACE = SearchSpace(
    "little",
    StemChoice((8,), ("hswish",)),
    (
        StageChoice(1, (1,), (8,), (3, 5), ("none",), (False,), ("relu",)),
        StageChoice(2, (1, 2), (8, 16), (3, 5), (2.0, 3.0), (False, True), ("relu", "hswish")),
        StageChoice(2, (1, 2), (16, 24), (3, 5), (2.0, 3.0), (False, True), ("hswish",)),
    ),
    HeadChoice((32, 64), (32,), ("hswish",)),
)
BIG, SMALL = supernet_architecture(SPACE, 32, 4), SPACE.smallest(32, 4)
SANDWICH = Sandwich(BIG, SMALL, lambda rng: SPACE.sample(rng, 32, 4))
EPOCHS = 12
SHORT = shared_recipe(MODERN, SANDWICH)


@pytest.fixture(scope="module")
def weights(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("supernet") / "supernet.safetensors"
    train_supernet(Train(BIG, 0, EPOCHS, EPOCHS, 0, path), SANDWICH, data, replace(MODERN, picture_rate=0.2))
    return path


@pytest.fixture(scope="module")
def evaluator(weights: Path, data: Data) -> SupernetEvaluator:
    return SupernetEvaluator(weights, BIG, data)


def some(count: int) -> list[Architecture]:
    rng = random.Random(7)
    return [BIG, SMALL, *(SPACE.sample(rng, 32, 4) for _ in range(count))]


def test_every_network_of_the_space_has_learnt(evaluator: SupernetEvaluator) -> None:
    """The fourth and fifth are no networks that a step is sure to have seen; chance is 25 %."""
    assert min(evaluator(arch).score.accuracy for arch in some(3)) > 0.8


def test_a_network_without_statistics_of_its_own_scores_worse(evaluator: SupernetEvaluator, data: Data) -> None:
    """It gets the leading statistics of the largest network, whose activations are not its own."""
    for arch in some(3)[1:]:
        borrowed = {
            name: evaluator.shared[name][: len(value)] if "running" in name else value
            for name, value in evaluator.inherit(arch).items()
        }
        uncalibrated = float(evaluate(with_weights(lower(arch), borrowed), data.val, 32).losses.mean())
        assert uncalibrated > 1.2 * evaluator(arch).score.loss


def test_segments_equal_the_whole(data: Data, tmp_path: Path) -> None:
    """Of 8 steps the first 4 see images of 16 px."""
    recipe = replace(MODERN, small=16)
    whole, half, rest = (tmp_path / f"{name}.safetensors" for name in ("whole", "half", "rest"))
    train_supernet(Train(BIG, 0, 1, 1, 5, whole), SANDWICH, data, recipe)
    train_supernet(Train(BIG, 0, 0.5, 1, 5, half), SANDWICH, data, recipe)
    train_supernet(Train(BIG, 0.5, 1, 1, 5, rest, start=half), SANDWICH, data, recipe)
    assert whole.read_bytes() == rest.read_bytes()
    assert whole.read_bytes() != half.read_bytes()


def test_one_step_is_the_sandwich_rule(data: Data) -> None:
    """Against automatic differentiation of the summed losses, through the views, from one optimiser step."""
    recipe = replace(SHORT, dropout=0.5, augmentation=Augmentation(), clip=0.05)
    course = TrainingRun(0, 1, 1, 0.1, 32, 3, mirror=False)
    found = build(lower(BIG), seed=1)
    share(found, optimiser_of(found, recipe), SANDWICH, data.train, course, recipe)

    oracle = build(lower(BIG), seed=1)
    optimiser = optimiser_of(oracle, recipe)
    optimiser.param_groups[0]["lr"] = optimiser.param_groups[1]["lr"] = 0.1
    state: State = dict(oracle.named_parameters())
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(mixed(3, 0, 0)))[:32]
    rng = random.Random(mixed(3, 0, 2))
    torch.manual_seed(mixed(3, 0, 1))
    images = augment_images(data.train.images[order], 32, Augmentation(), False)
    teacher = functional_call(skeleton(BIG, 0.5), state, (images,))
    loss = F.cross_entropy(teacher, data.train.labels[order], label_smoothing=0.1)
    for arch in (SMALL, SPACE.sample(rng, 32, 4), SPACE.sample(rng, 32, 4)):
        student = functional_call(skeleton(arch), views(state, arch), (images,))
        loss = loss - (teacher.detach().softmax(1) * student.log_softmax(1)).sum(1).mean()
    torch.autograd.backward(loss)
    assert float(torch.nn.utils.clip_grad_norm_(oracle.parameters(), 0.05)) > 0.05
    optimiser.step()
    for (name, one), two in zip(found.named_parameters(), oracle.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6, msg=name)


def test_share_shows_every_network_the_same_images_at_its_own_resolution(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks of 96 and 64 px; the first of two steps sees three fifths of each, in eights: 56 and 40."""
    seen: dict[Architecture, list[torch.Tensor]] = {}

    def learn(shared: object, arch: Architecture, images: torch.Tensor, *rest: object) -> tuple[torch.Tensor, ...]:
        seen.setdefault(arch, []).append(images)
        return torch.zeros(len(images), 4), torch.tensor(0.0)

    monkeypatch.setattr("nas.nets.supernet.supernet._learn", learn)
    large, low, drawn = replace(BIG, resolution=96), replace(SMALL, resolution=64), replace(SMALL, resolution=96)
    course, recipe = TrainingRun(0, 2, 2, 0.1, 96, 3, mirror=False, small_steps=1), Recipe(small=56)
    network = build(lower(large))
    share(network, optimiser_of(network, recipe), Sandwich(large, low, lambda _: drawn), data.train, course, recipe)
    assert {arch: [images.shape[-1] for images in each] for arch, each in seen.items()} == {
        large: [56, 96], low: [56, 64], drawn: [56, 56, 96, 96],
    }  # fmt: skip
    for images, smaller in zip(seen[large], seen[low], strict=True):
        side = smaller.shape[-1]
        pooled = F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)
        torch.testing.assert_close(smaller, pooled)


def test_shared_weights_are_trained_at_the_resolutions_of_the_networks_drawn(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole training along single paths, its first 4 of 8 steps at 8 px, its norms at the container's 32."""
    seen: list[int] = []

    def crop(images: torch.Tensor, resolution: int, *rest: Any) -> torch.Tensor:
        seen.append(resolution)
        return augment_images(images, resolution, *rest)

    monkeypatch.setattr("nas.nets.supernet.supernet.augment_images", crop)
    networks = [replace(SMALL, resolution=side) for side in (16, 24)]
    drawn: list[int] = []

    def draw(rng: random.Random) -> Architecture:
        drawn.append(rng.choice((0, 1)))
        return networks[drawn[-1]]

    recipe = replace(MODERN, small=8)
    train_supernet(Train(BIG, 0, 1, 1, 0, tmp_path / "weights.safetensors"), SinglePath(draw), data, recipe)
    assert set(drawn[4:]) == {0, 1}
    assert seen == [8] * 4 + [networks[number].resolution for number in drawn[4:]]


def test_evaluator_scores_a_network_at_its_own_resolution(evaluator: SupernetEvaluator, data: Data) -> None:
    low = replace(BIG, resolution=16)
    network = with_weights(lower(low), evaluator.inherit(low))
    losses = evaluate(network, data.val, 16).losses
    assert evaluator(low).losses == pytest.approx(losses.tolist(), rel=1e-4, abs=1e-5)
    assert evaluator(low).losses != pytest.approx(evaluator(BIG).losses, rel=1e-2, abs=1e-2)


def test_one_step_of_a_single_path_is_a_step_of_that_network_alone(data: Data) -> None:
    """What it does not have is left as it was."""
    recipe = replace(MODERN, dropout=0.0, weight_decay=0.0)
    course = TrainingRun(0, 1, 1, 0.1, 32, 3, mirror=False)
    found = build(lower(BIG), seed=1)
    before = {name: value.clone() for name, value in found.named_parameters()}
    share(found, optimiser_of(found, recipe), SinglePath(lambda _: SMALL), data.train, course, recipe)
    alone = with_weights(lower(SMALL), {**views(before, SMALL), **fresh_norms(SMALL)})
    train(alone, optimiser_of(alone, recipe), data.train, course, recipe)
    after = dict(found.named_parameters())
    for (name, one), two in zip(views(after, SMALL).items(), alone.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6, msg=name)
    for name, value in views(after, SMALL).items():
        value.data.copy_(views(before, SMALL)[name])
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_single_paths_teach_every_network(data: Data, tmp_path: Path) -> None:
    """Those that were never drawn, too; chance is 25 %."""
    path, drawn = tmp_path / "weights.safetensors", some(6)[2:]
    rule = SinglePath(lambda rng: rng.choice(drawn))
    train_supernet(Train(BIG, 0, 30, 30, 0, path), rule, data, replace(MODERN, picture_rate=0.2))
    evaluator = SupernetEvaluator(path, BIG, data)
    assert min(evaluator(arch).score.accuracy for arch in some(9)[8:]) > 0.8


def test_the_file_is_one_of_the_largest_network(weights: Path, evaluator: SupernetEvaluator, data: Data) -> None:
    """With norm statistics, so that it can be used as it is; what is evaluated with its own is the same network."""
    state, velocity = load_checkpoint(weights, BIG)
    assert velocity.keys() == {f"{name}.momentum_buffer" for name, _ in build(lower(BIG)).named_parameters()}
    losses = evaluate(with_weights(lower(BIG), state), data.val, 32).losses
    assert evaluator(BIG).losses == pytest.approx(losses.tolist(), rel=1e-4, abs=1e-5)


def test_inherited_weights_score_what_the_evaluator_says(evaluator: SupernetEvaluator, data: Data) -> None:
    arch = some(1)[2]
    state = evaluator.inherit(arch)
    judged = evaluate(with_weights(lower(arch), state), data.val, 32)
    outcome = evaluator(arch)
    assert outcome.losses == pytest.approx(judged.losses.tolist(), rel=1e-4, abs=1e-5)
    assert outcome.score.accuracy == float(judged.answers.float().mean())
    assert outcome.score.count == len(data.val)
    assert outcome.seconds > 0


def test_scoring_leaves_the_shared_weights(weights: Path, evaluator: SupernetEvaluator) -> None:
    one = evaluator(SMALL)
    evaluator.inherit(BIG)["stem.conv.weight"].zero_()
    assert evaluator(SMALL).losses == one.losses
    assert all(torch.equal(value, evaluator.shared[name]) for name, value in load_weights(weights, BIG).state.items())


def test_the_teacher_need_not_be_the_container(data: Data, tmp_path: Path) -> None:
    """What no network of the sandwich has is not trained, only what they share."""
    path = tmp_path / "supernet.safetensors"
    teacher = SPACE.draw(lambda name, options: options[0] if name.endswith("depth") else options[-1], 32, 4)
    before = state_of(build(lower(BIG), seed=mixed(0, 0)))
    recipe = replace(MODERN, weight_decay=0.0)
    train_supernet(Train(BIG, 0, 0.25, 1, 0, path), Sandwich(teacher, SMALL, lambda _: SMALL), data, recipe)
    after = load_weights(path, BIG).state
    changed = {
        name.split("_")[0].split(".")[0]
        for name in after
        if "running" not in name and not torch.equal(after[name], before[name])
    }
    assert changed == {"stem", "s0b0", "s1b0", "s2b0", "head"}


def test_a_network_that_is_not_contained_is_refused(evaluator: SupernetEvaluator, data: Data, tmp_path: Path) -> None:
    wide = replace(SMALL, head=replace(SMALL.head, width=128))
    job = Train(BIG, 0, 1, 1, 0, tmp_path / "supernet.safetensors")
    for sandwich in (
        Sandwich(wide, SMALL, lambda _: SMALL),
        Sandwich(BIG, wide, lambda _: SMALL),
        Sandwich(BIG, SMALL, lambda _: wide),
    ):
        with pytest.raises(InvalidArchitecture, match=r"head_conv.conv.weight = \[128, 16, 1, 1\]"):
            train_supernet(job, sandwich, data)
    with pytest.raises(InvalidArchitecture, match=r"head_conv.conv.weight = \[128, 16, 1, 1\]"):
        evaluator(wide)


def test_a_loss_that_is_not_finite_stops_with_a_sentence(data: Data) -> None:
    network: Network = build(lower(BIG))
    with torch.no_grad():
        network.get_submodule("head_classifier.linear").weight.fill_(torch.inf)  # type: ignore[operator]
    with pytest.raises(NasError, match=r"Training diverged: the loss is (nan|inf) at step 0"):
        share(
            network,
            optimiser_of(network, Recipe()),
            SANDWICH,
            data.train,
            TrainingRun(0, 1, 1, 0.1, 32, 0, False),
            Recipe(),
        )


def test_training_leaves_the_callers_random_numbers(data: Data, tmp_path: Path) -> None:
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    train_supernet(Train(BIG, 0, 0.25, 1, 0, tmp_path / "supernet.safetensors"), SANDWICH, data)
    assert torch.equal(torch.rand(3), expected)
