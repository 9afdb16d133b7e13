import numpy as np
import onnx
import pytest
import torch

from nas.design.known import NAMES, known
from nas.design.op import Activation, Add, Conv, Linear, Op, Pool, SqueezeExcite
from nas.design.plan import Node, Plan, Shape, lower
from nas.latency.entry import entries
from nas.nets.build import build
from nas.runtimes import Runtime, open_runtime
from nas.runtimes.onnx_graph import OUTPUT, folded, input_names, input_shapes, random_weights, to_onnx
from nas.runtimes.runtime import Array

RUNTIMES = ("onnxruntime", "torch")


def lively_weights(plan: Plan, seed: int = 0) -> dict[str, Array]:
    """Random weights whose batch norms all do something."""
    rng = np.random.default_rng(seed)
    weights = random_weights(plan, seed)
    for name, value in weights.items():
        if ".norm." in name or name.endswith(".bias"):
            weights[name] = rng.uniform(0.5, 1.5, value.shape).astype(np.float32)
    return weights


def images(plan: Plan, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, np.float32) for shape in input_shapes(plan)]


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_is_valid_and_says_its_shapes(name: str) -> None:
    plan = lower(known(f"{name}-0.5-64", classes=7))
    model = to_onnx(plan, name=name)
    onnx.checker.check_model(model, full_check=True)
    (image,), (output,) = model.graph.input, model.graph.output
    assert (image.name, output.name, model.graph.name) == ("image", OUTPUT, name)
    assert [d.dim_value for d in image.type.tensor_type.shape.dim] == [1, 3, 64, 64]
    assert [d.dim_value for d in output.type.tensor_type.shape.dim] == [1, 7]


@pytest.mark.parametrize("name", NAMES)
def test_batch_norm_is_folded_away(name: str) -> None:
    kinds = {node.op_type for node in to_onnx(lower(known(f"{name}-0.5-64"))).graph.node}
    assert "BatchNormalization" not in kinds
    assert ("HardSwish" in kinds) == ("v3" in name)


@pytest.mark.parametrize("name", NAMES)
def test_both_runtimes_give_the_torch_modules_outputs(name: str) -> None:
    plan = lower(known(f"{name}-0.5-96", classes=10))
    weights, inputs = lively_weights(plan), images(plan)
    module = build(plan).eval()
    module.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()}, strict=False)
    with torch.inference_mode():
        expected = module(torch.from_numpy(inputs[0])).numpy()
    assert np.abs(expected).max() > 1e-3
    for runtime in RUNTIMES:
        found = open_runtime(runtime).compile(plan, weights)(*inputs)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


PIECES = [
    piece.as_plan()
    for name in ("mobilenet_v3_small-0.5-64", "mobilenet_v2-0.35-64")
    for piece in entries(lower(known(name)))
]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_piece_compiles_alone_and_both_runtimes_agree(runtime: str) -> None:
    oracle, opened = open_runtime("torch"), open_runtime(runtime)
    for plan in PIECES[::3]:
        weights, inputs = lively_weights(plan), images(plan)
        expected = oracle.compile(plan, weights)(*inputs)
        model = opened.compile(plan, weights)
        np.testing.assert_allclose(model(*inputs), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
        model.run()


def single(op: Op, shape: Shape) -> Plan:
    return Plan((shape,), (Node("only", op, (-1,)),), norm_eps=0.0)


def outputs(plan: Plan, weights: dict[str, Array], *arrays: Array) -> Array:
    return open_runtime("onnxruntime").compile(plan, weights)(*arrays)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [(None, [-4, -1, 2, 9]), ("relu", [0, 0, 2, 9]), ("relu6", [0, 0, 2, 6]), ("hswish", [0, -1 / 3, 2 * 5 / 6, 9])],
)
def test_a_linear_layer_and_activations_by_hand(activation: Activation | None, expected: list[float]) -> None:
    weights = {"only.linear.weight": np.eye(4, dtype=np.float32), "only.linear.bias": np.ones(4, np.float32)}
    vector = np.array([[-5, -2, 1, 8]], np.float32)
    found = outputs(single(Linear(4, 4, activation), Shape(4, 1)), weights, vector)
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_a_convolution_with_its_norm_by_hand() -> None:
    weights = {
        "only.conv.weight": np.full((1, 1, 1, 1), 2, np.float32),
        "only.norm.weight": np.array([3], np.float32),
        "only.norm.bias": np.array([1], np.float32),
        "only.norm.running_mean": np.array([4], np.float32),
        "only.norm.running_var": np.array([9], np.float32),
    }
    weight, bias = folded(weights, "only", 0.0)
    assert (weight.item(), bias.item()) == (2.0, -3.0)
    found = outputs(single(Conv(1, 1, 1, 1, 1, 1, None), Shape(1, 1)), weights, np.full((1, 1, 1, 1), 5, np.float32))
    assert found.item() == 3 * (2 * 5 - 4) / 3 + 1


def test_squeeze_excite_by_hand() -> None:
    weights = {
        "only.reduce.weight": np.ones((1, 2, 1, 1), np.float32),
        "only.reduce.bias": np.array([-1], np.float32),
        "only.expand.weight": np.ones((2, 1, 1, 1), np.float32),
        "only.expand.bias": np.array([-3, 0], np.float32),
    }
    image = np.array([[[[1, 3], [1, 3]], [[0, 0], [0, 0]]]], np.float32)
    # Means 2 and 0; reduce max(0, 2 + 0 - 1) = 1; expand -2 and 1; hard sigmoid 1/6 and 2/3.
    found = outputs(single(SqueezeExcite(2, 1, 2), Shape(2, 2)), weights, image)
    np.testing.assert_allclose(found, image * np.array([1 / 6, 2 / 3], np.float32)[None, :, None, None], rtol=1e-6)


def test_pool_and_sum_by_hand() -> None:
    image = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    np.testing.assert_allclose(outputs(single(Pool(2, 2), Shape(2, 2)), {}, image), [[1.5, 5.5]])
    twice = Plan((Shape(2, 2), Shape(2, 2)), (Node("only", Add(2, 2), (-1, -2)),))
    np.testing.assert_allclose(outputs(twice, {}, image, 10 * image), 11 * image)
    assert input_names(twice) == ("image", "image_2")


def test_random_weights_keep_activations_in_range_through_a_deep_network() -> None:
    plan = lower(known("mobilenet_v2-0.35-96"))
    found = open_runtime("onnxruntime").compile(plan)(*images(plan))
    assert 1e-4 < np.abs(found).max() < 1e4


@pytest.fixture
def runtime() -> Runtime:
    return open_runtime("torch")


def test_torch_refuses_weights_of_another_network(runtime: Runtime) -> None:
    plan = lower(known("mobilenet_v3_small-0.5-64"))
    weights = random_weights(plan)
    weights.pop("stem.conv.weight")
    with pytest.raises(RuntimeError, match=r"stem\.conv\.weight"):
        runtime.compile(plan, weights)
