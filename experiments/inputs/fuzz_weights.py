"""Read files of weights made wrong by chance: no traceback, no silent loss.

    python experiments/inputs/fuzz_weights.py --count 5000 [--first 0]

Each seed makes a network's weights under the names of one library, changes them (names, shapes, types, values,
containers), writes them with torch.save or safetensors, and may then change bytes of the file. What has to come out is
known from what was changed: a network with exactly the tensors that were put there, or a refusal whose sentence names
the file. Of a file with changed bytes it is only known that what comes out is finite and complete.
"""

import functools
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from fuzz import mutate, run
from msgspec import Struct
from msgspec.structs import replace
from safetensors.torch import save as serialise
from torch import Tensor

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.design.known import known
from nas.errors import NasError
from nas.nets.network import build
from nas.nets.weights.foreign import _LAYOUTS, classes_of
from nas.nets.weights.recognise import adopted, recognised
from nas.nets.weights.weights_file import load_weights, state_of, stored_classes

# Seeds that once failed: they always run first.
KEPT: tuple[int, ...] = (1762, 2216, 2357, 2628, 2925, 3303, 3844, 4265, 4619, 4844)
CLASSES = 5
STYLES = {
    "nas": ["mobilenet_v3_small-0.35", "mobilenet_v2-0.25"],
    "timm": ["mobilenet_v3_small-0.35", "mnasnet-0.35"],
    "torchvision MobileNetV3": ["mobilenet_v3_small-0.35", "mobilenet_v3_large-0.25"],
    "torchvision MobileNetV2": ["mobilenet_v2-0.25"],
    "torchvision MNASNet": ["mnasnet-0.35"],
    "EfficientNet-PyTorch": ["efficientnet_lite0-0.25"],
}
PREFIXES = ["", "", "module.", "_orig_mod.", "module._orig_mod.", "model.", "net.", "backbone.timm.", "a.b.c."]


class Case(Struct):
    """Weights as they are to be written, and what has to become of them: `read`, `refuse` or `any`."""

    state: dict[Any, Any]
    verdict: str = "read"
    beside: int = 0
    tree: Any = None


@functools.cache
def weights(name: str, style: str) -> tuple[Architecture, dict[str, Tensor]]:
    """A network and its weights under a library's names."""
    arch = replace(known(name), classes=CLASSES)
    if style.startswith("torchvision") and "v3" not in name:
        arch = replace(arch, norm_eps=1e-5)
    state = state_of(build(lower(arch), seed=1))
    if style == "nas":
        return arch, state
    names = dict(_LAYOUTS[style](arch))  # type: ignore[index]
    return arch, {f"{names[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": value for name, value in state.items()}


def pick(case: Case, rng: random.Random) -> str:
    """A tensor of the network that is not of its classifier, whose loss is told and not refused."""
    names = [name for name in case.state if not name.startswith(("classifier", "head_", "_fc"))]
    return rng.choice(names)


def drop(case: Case, rng: random.Random) -> None:
    del case.state[pick(case, rng)]
    case.verdict = "refuse"


def rename(case: Case, rng: random.Random) -> None:
    name = pick(case, rng)
    case.state[name + rng.choice(["_", ".weight", "x", "\n", "é"])] = case.state.pop(name)
    case.verdict = "refuse"


def reshape(case: Case, rng: random.Random) -> None:
    name = pick(case, rng)
    value = case.state[name]
    case.state[name] = rng.choice(
        [value[None], value[:0], torch.cat([value, value]), torch.tensor(1.0), value[..., None]]
    )
    case.verdict = "refuse"


def retype(case: Case, rng: random.Random) -> None:
    """Half precision is read; whole numbers, truths and complex numbers are no weights."""
    kind = rng.choice([torch.float16, torch.bfloat16, torch.float64, torch.int32, torch.bool, torch.complex64])
    if kind.is_floating_point:
        case.state = {name: value.to(kind) for name, value in case.state.items()}
        return
    name = pick(case, rng)
    case.state[name] = case.state[name].to(kind)
    case.verdict = "refuse"


def spoil(case: Case, rng: random.Random) -> None:
    name = pick(case, rng)
    value = case.state[name].clone()
    value.view(-1)[rng.randrange(value.numel())] = rng.choice([torch.nan, torch.inf, -torch.inf])
    case.state[name] = value
    case.verdict = "refuse"


def negate(case: Case, rng: random.Random) -> None:
    name = rng.choice([name for name in case.state if name.endswith("running_var")])
    case.state[name] = case.state[name].clone().index_fill_(0, torch.tensor([0]), -0.1)
    case.verdict = "refuse"


def add(case: Case, rng: random.Random) -> None:
    """Tensors that no network has: a refusal or a note, never silence."""
    for name in rng.sample(
        ["extra.weight", "criterion.w", "features.99.weight", "head.fc.bias", "x"], rng.randrange(1, 4)
    ):
        case.state[name] = torch.ones(rng.randrange(1, 4))
    case.verdict = "any"


def count(case: Case, rng: random.Random) -> None:
    """Counters, which every training leaves."""
    case.state |= {f"{name.rpartition('.')[0]}.num_batches_tracked": torch.tensor(7) for name in list(case.state)[::9]}


def odd(case: Case, rng: random.Random) -> None:
    """What is no plain tensor in memory."""
    name = pick(case, rng)
    value = case.state[name]
    kind = rng.choice(["sparse", "meta", "parameter", "strided", "object", "text", "number"])
    made: dict[str, Callable[[], Any]] = {
        "sparse": lambda: value.to_sparse(),
        "meta": lambda: value.to("meta"),
        "parameter": lambda: torch.nn.Parameter(value),
        "strided": lambda: torch.stack([value, value], -1)[..., 0],
        "object": lambda: {"weight": value},
        "text": lambda: "weights",
        "number": lambda: 3.0,
    }
    case.state[name] = made[kind]()
    case.verdict = "read" if kind in ("parameter", "strided") else "refuse"


def unclassify(case: Case, rng: random.Random) -> None:
    """No classifier: one is made anew, and said."""
    case.state = {
        name: value
        for name, value in case.state.items()
        if not name.startswith(("classifier", "head_classifier", "_fc"))
    }
    case.verdict = "any"


def leave(case: Case, rng: random.Random) -> None:
    """Nothing is changed."""


CHANGES = [drop, rename, reshape, retype, spoil, negate, add, count, odd, unclassify, leave, leave, leave]


def wrap(case: Case, rng: random.Random) -> Any:
    """The weights in what trainings put around them."""
    prefix = rng.choice(PREFIXES)
    state = {f"{prefix}{name}": value for name, value in case.state.items()}
    how = rng.randrange(9)
    noise = {name: _other(value) for name, value in state.items() if not (isinstance(value, Tensor) and value.is_meta)}
    if how < 3:
        return state
    if how == 3:
        return {"epoch": 3, "state_dict": state, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}}
    if how == 4:
        return {"model": noise, "model_ema": state}
    if how == 5:
        return {"state_dict": noise, "ema": {"module": state}} if case.verdict == "read" else {"net": state}
    if how == 6:
        return [state, {"lr": 0.1}]
    if how == 7:
        return {"checkpoint": {"model": state, 5: torch.ones(2), ("a", 1): "b"}}
    return {"a": {"b": {"c": {"d": {"e": {"f": state}}}}}}


def _other(value: Any) -> Any:
    """Other weights of the same shape, such as the raw ones beside an average."""
    plain = isinstance(value, Tensor) and value.layout == torch.strided and value.is_floating_point()
    return torch.rand_like(value) if plain else value


def write(path: Path, case: Case, rng: random.Random) -> None:
    """One of the formats; safetensors holds plain tensors by name only."""
    plain = all(
        isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta
        for value in case.state.values()
    )
    if plain and rng.random() < 0.4:
        prefix = rng.choice(PREFIXES)
        path.write_bytes(
            serialise({f"{prefix}{name}": value.contiguous().clone() for name, value in case.state.items()})
        )
        return
    tree = wrap(case, rng)
    if isinstance(tree, dict) and list(tree) == ["a"]:
        case.verdict = "refuse"  # deeper than anybody nests
    torch.save(tree, path, _use_new_zipfile_serialization=rng.random() < 0.8)


def garble(path: Path, rng: random.Random) -> None:
    """Bytes changed anywhere, in the header, or a length that promises too much."""
    content = path.read_bytes()
    if rng.random() < 0.2:
        content = struct.pack("<Q", rng.choice([0, 1, 2**31, 2**63, len(content)])) + content[8:]
    path.write_bytes(mutate(content, rng))


def check(path: Path, arch: Architecture, case: Case, name: str, style: str, rng: random.Random) -> str:
    """Read the file in one of the ways there are; return what became of it, raise what must not be."""
    try:
        alone = style != "nas" and rng.random() < 0.5
        seed = recognised(path) if alone else adopted(path, name, arch)
        loaded = load_weights(path, seed.architecture)
        classes = stored_classes(path) if not loaded.fresh else None
    except NasError as error:
        if str(path) not in str(error):
            raise AssertionError(f"names no path: {error}") from error
        if case.verdict == "read":
            raise AssertionError(f"refused what is whole: {error}") from error
        return "refused"
    if case.verdict == "refuse":
        raise AssertionError(f"read what is not whole: {loaded.fresh} {seed.notes} {loaded.notes}")
    if not all(bool(torch.isfinite(value.float()).all()) for value in loaded.state.values()):
        raise AssertionError("read what is not finite")
    if case.verdict == "read":
        _check_same(arch, case, loaded.state, style, classes)
    return "read"


def _check_same(arch: Architecture, case: Case, found: dict[str, Tensor], style: str, classes: int | None) -> None:
    names = {} if style == "nas" else dict(_LAYOUTS[style](arch))  # type: ignore[index]
    for ours, value in found.items():
        node, _, part = ours.rpartition(".")
        put = case.state[f"{names.get(node, node)}.{part}"]
        if not torch.equal(value.flatten().float(), put.detach().flatten().float()):
            raise AssertionError(f"{ours} is not what was put there")
    if classes not in (None, CLASSES) or classes_of(case.state) != CLASSES:
        raise AssertionError(f"{classes} classes instead of {CLASSES}")


def attempt(seed: int, root: Path) -> str:
    """What became of a seed's file; raises whatever a reader must not do."""
    rng = random.Random(seed)
    style = rng.choice(list(STYLES))
    name = rng.choice(STYLES[style])
    arch, state = weights(name, style)
    case = Case(dict(state))
    change = rng.choice(CHANGES)
    change(case, rng)
    path = root / rng.choice(
        ["weights.pth", "model.safetensors", "last.ckpt", "weights", "pytorch_model.bin", "x.pth.tar"]
    )
    write(path, case, rng)
    garbled = rng.random() < 0.3
    if garbled:
        garble(path, rng)
        case.verdict = "any"
    outcome = check(path, arch, case, name, style, rng)
    return f"{'bytes' if garbled else change.__name__}: {outcome}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(attempt, KEPT)
