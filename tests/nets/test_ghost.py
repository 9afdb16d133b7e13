"""Networks of ghost bottlenecks: timm's block as the oracle, a model file, and cuts."""

import importlib
from types import ModuleType

import msgspec
import numpy as np
import onnx
import pytest
import torch

from nas.design.architecture import Architecture, Head, InvertedResidual, Stage, Stem
from nas.design.blocks.ghost import Ghost
from nas.design.channels import channel_groups
from nas.design.edits.edit import CutBottleneck, CutEnd, CutInner, apply, block_origins, cuts, edited, end_cuts
from nas.design.edits.simplify import DropBlock, simpler
from nas.design.graph import Graph, lower
from nas.design.shapes import Shape
from nas.design.walk import Walk
from nas.nets.network import build, with_weights
from nas.nets.pruning.importance import taylor
from nas.nets.pruning.inherit import inherit
from nas.nets.pruning.reconstruction import moments
from nas.nets.weights.weights_file import State
from nas.runtimes import open_runtime
from tests.nets.test_foreign import scrambled
from tests.nets.test_inherit import check, lively, said_by

# timm's names of the parts of a bottleneck, and ours.
PARTS = {
    "ghost1.primary_conv": "primary1",
    "ghost1.cheap_operation": "cheap1",
    "ghost2.primary_conv": "primary2",
    "ghost2.cheap_operation": "cheap2",
}
TENSORS = {
    **{f"{part}.0": f"{ours}.conv" for part, ours in PARTS.items()},
    **{f"{part}.1": f"{ours}.norm" for part, ours in PARTS.items()},
    "conv_dw": "depthwise.conv",
    "bn_dw": "depthwise.norm",
    "se.conv_reduce": "se.reduce",
    "se.conv_expand": "se.expand",
    "shortcut.0": "shortcut_depthwise.conv",
    "shortcut.1": "shortcut_depthwise.norm",
    "shortcut.2": "shortcut_pointwise.conv",
    "shortcut.3": "shortcut_pointwise.norm",
}


@pytest.fixture(scope="module")
def arch() -> Architecture:
    """Ghost bottlenecks with each shortcut, with and without a stride and squeeze-excite, beside another family."""
    return Architecture(
        resolution=32,
        stem=Stem(8, "hswish"),
        stages=(
            Stage(8, 1, (Ghost(None, 16, False),)),
            Stage(12, 2, (Ghost(5, 24, True, "hswish"), Ghost(None, 20, True), Ghost(3, 24, False))),
            Stage(16, 1, (InvertedResidual(3, 32, False, "relu", False),)),
            Stage(20, 1, (Ghost(3, 32, False), Ghost(None, 40, False))),
        ),
        head=Head(48, None, "hswish"),
        classes=4,
    )


def renamed(state: State) -> State:
    """timm's tensors of a bottleneck under our names."""
    pairs = ((name.rpartition("."), value) for name, value in state.items() if "num_batches" not in name)
    return {f"s0b0_{TENSORS[layer]}.{tensor}": value for (layer, _, tensor), value in pairs}


def block_graph(block: Ghost, into: int, out: int, stride: int) -> Graph:
    walk = Walk(Shape(into, 14))
    block.lower(walk, "s0b0", out, stride)
    part = walk.part()
    return Graph((part.image,), part.nodes, norm_eps=1e-5)


@pytest.mark.parametrize(
    ("block", "into", "out", "stride"),
    [
        (Ghost(None, 16, False), 16, 16, 1),
        (Ghost(None, 120, True, squeezed=32), 40, 40, 1),
        (Ghost(3, 48, False), 16, 24, 2),
        (Ghost(5, 72, True, squeezed=20), 24, 40, 2),
        (Ghost(3, 480, True, squeezed=120), 80, 112, 1),
    ],
)
def test_a_ghost_bottleneck_with_timms_weights_gives_timms_outputs(
    block: Ghost, into: int, out: int, stride: int, torchvision_models: ModuleType
) -> None:
    ghostnet = importlib.import_module("timm.models.ghostnet")
    ratio = 0.25 if block.se else 0.0
    torch.manual_seed(0)
    theirs = scrambled(ghostnet.GhostBottleneck(into, block.expanded, out, block.kernel or 3, stride, se_ratio=ratio))
    ours = with_weights(block_graph(block, into, out, stride), renamed(theirs.state_dict())).eval()
    maps = torch.randn(2, into, 14, 14)
    with torch.inference_mode():
        expected = theirs(maps)
        torch.testing.assert_close(ours(maps), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert float(expected.std()) > 1e-3


def test_an_architecture_of_ghosts_survives_its_file(arch: Architecture) -> None:
    assert msgspec.json.decode(msgspec.json.encode(arch), type=Architecture) == arch


@pytest.mark.parametrize(
    ("into", "out", "stride", "reason"),
    [(8, 8, 1, ""), (8, 7, 1, "width = 7"), (8, 2, 1, "width = 2"), (8, 8, 2, "stride = 2"), (6, 8, 1, "width 6")],
)
def test_refused_of_an_identity_shortcut_names_the_wrong_value(into: int, out: int, stride: int, reason: str) -> None:
    found = Ghost(None, 8, False).refused(into, out, stride)
    assert reason in found
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(("kernel", "expanded"), [(4, 8), (3, 9), (3, 2)])
def test_a_ghost_with_an_even_kernel_or_without_halves_is_an_error(kernel: int, expanded: int) -> None:
    with pytest.raises(ValueError, match=r"kernel = 4|expanded = [29]"):
        Ghost(kernel, expanded, False)


def test_the_onnx_file_of_ghosts_says_what_the_module_says(arch: Architecture) -> None:
    graph = lower(arch)
    state = lively(graph)
    runtime = open_runtime("onnxruntime")
    weights = {name: value.numpy() for name, value in state.items()}
    content = runtime.encode(graph, weights)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    images = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    with torch.inference_mode():
        expected = with_weights(graph, state).eval()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(runtime.open(content)(images), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_cuts_of_ghosts_are_their_halves_and_what_no_ghost_leaves(arch: Architecture) -> None:
    inner = [CutInner(s, b, "primary") for s, b in ((0, 0), (1, 0), (1, 1), (1, 2), (3, 0), (3, 1))]
    inner.insert(4, CutInner(2, 0, "expansion"))
    assert cuts(arch) == (*inner, CutBottleneck(2))
    assert end_cuts(arch) == (CutEnd("head"),)
    assert apply(arch, CutInner(0, 0, "primary"), 5).stages[0].blocks == (Ghost(None, 10, False),)


def test_a_cut_of_dead_channels_of_ghosts_leaves_the_outputs(arch: Architecture) -> None:
    state = lively(lower(arch))
    whole = with_weights(lower(arch), state)
    alive = said_by(whole)
    for cut in (*cuts(arch), *end_cuts(arch)):
        check(arch, cut, state, whole, alive)


def test_inherit_without_a_cut_leaves_ghosts_as_they_are(arch: Architecture) -> None:
    graph = lower(arch)
    state = lively(graph)
    found = inherit(graph, graph, state)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_inherit_by_taylor_gives_a_network_that_loads(arch: Architecture) -> None:
    graph, child = lower(arch), lower(apply(arch, CutInner(1, 0, "primary"), 7))
    state = lively(graph)
    scores = taylor(with_weights(graph, state), [(torch.randn(4, 3, 32, 32), torch.arange(4))])
    build(child).load_state_dict(inherit(graph, child, state, scores))


def test_inherit_refits_what_reads_both_halves_of_a_ghost(arch: Architecture) -> None:
    """Least squares answer to the images of the moments more nearly than the rows as they were."""
    graph, child = lower(arch), lower(apply(arch, CutInner(3, 1, "primary"), 14))
    state = lively(graph)
    images = torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    found = moments(with_weights(graph, state), [images])
    with torch.inference_mode():
        expected = with_weights(graph, state).eval()(images)
        plain, refitted = (
            float(
                (with_weights(child, inherit(graph, child, state, moments=by)).eval()(images) - expected).pow(2).mean()
            )
            for by in (None, found)
        )
    assert refitted < plain


def test_inherit_through_a_dropped_ghost_keeps_the_weights_of_all_others(arch: Architecture) -> None:
    """Without the sum that tied the stem's channels in pairs they are a group of another order."""
    state = lively(lower(arch))
    drops = [change for change in simpler(arch) if isinstance(change, DropBlock)]
    assert [change.name for change in drops] == ["s0b0", "s1b1", "s3b1"]
    for change in drops:
        before = block_origins(arch, change)
        child = lower(edited(arch, change))
        found = inherit(lower(arch), child, state, origins=before)
        build(child).load_state_dict(found)
        for name, value in found.items():
            block, _, part = name.partition("_")
            old = f"{before[block]}_{part}" if block in before else name
            assert torch.equal(value, state[old]), name


def test_every_simplification_of_ghosts_inherits_weights_that_load(arch: Architecture) -> None:
    state = lively(lower(arch))
    for change in simpler(arch):
        child = lower(edited(arch, change))
        origins = block_origins(arch, change)
        build(child).load_state_dict(inherit(lower(arch), child, state, origins=origins))


def test_the_halves_of_a_ghost_are_one_group(arch: Architecture) -> None:
    """The 1x1 convolution's channels are read twice: as they are, and behind the cheap convolution."""
    groups = {group.producers: group for group in channel_groups(lower(arch))}
    half = groups[("s1b0_primary1",)]
    assert half.width == 12
    assert half.through == ("s1b0_cheap1", "s1b0_depthwise", "s1b0_se")
    assert half.consumers == ("s1b0_primary2",)
    assert half.read_places()["s1b0_primary2"] == tuple(place for c in range(12) for place in (c, c + 12))


def test_a_sum_with_a_ghosts_halves_ties_the_channels_of_its_input_in_pairs(arch: Architecture) -> None:
    (tied,) = (group for group in channel_groups(lower(arch)) if "stem" in group.producers)
    assert (tied.producers, tied.width) == (("stem", "s0b0_primary2"), 4)
    assert tied.written_places()["stem"] == (0, 4, 1, 5, 2, 6, 3, 7)
    assert tied.written_places()["s0b0_primary2"] == range(4)


def test_channels_that_are_read_twice_are_no_group_with_those_read_once() -> None:
    walk = Walk(Shape(3, 8))
    walk.conv("first", 5, 1, None)
    whole = walk.here
    walk.slice("some", 0, 2)
    walk.concat("both", whole, walk.here)
    walk.conv("last", 4, 1, None)
    part = walk.part()
    _, twice, once, _ = channel_groups(Graph((part.image,), part.nodes))
    assert (twice.width, twice.written_places(), twice.read_places()) == (
        2,
        {"first": range(2)},
        {"last": (0, 5, 1, 6)},
    )
    assert (once.width, once.written_places(), once.read_places()) == (3, {"first": range(2, 5)}, {"last": range(2, 5)})
