"""What trainings leave in files: wrapped, prefixed, averaged, in other containers, under other names."""

import argparse
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.design.shipping.metadata import describe_weights, with_header
from nas.errors import NasError
from nas.nets.network import build
from nas.nets.weights.checkpoint import read_checkpoint
from nas.nets.weights.recognise import adopted, recognised
from nas.nets.weights.weights_file import State, load_weights, save_weights, state_of, stored_classes


@pytest.fixture
def state(small: Architecture) -> State:
    return state_of(build(lower(small), seed=3))


def prefixed(state: State, prefix: str) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()}


def halved(state: State) -> State:
    return {name: value / 2 for name, value in state.items()}


def counted(state: State) -> State:
    return {"n_averaged": torch.tensor(5), **prefixed(state, "module.")}


WRAPPERS = ("module.", "_orig_mod.", "module._orig_mod.", "module.module.")
PREFIXES = ("model.", "net.", "backbone.timm.", "model._orig_mod.", "a.b.c.")


@pytest.mark.parametrize("prefix", [*WRAPPERS, *PREFIXES])
def test_read_checkpoint_strips_any_common_prefix(
    prefix: str, small: Architecture, state: State, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    beside = {"train_acc.total": torch.tensor(3), "criterion.weight": torch.ones(3)} if prefix in PREFIXES else {}
    torch.save({**prefixed(state, prefix), **beside}, path)
    loaded = load_weights(path, small)
    assert all(torch.equal(loaded.state[name], value) for name, value in state.items())
    assert stored_classes(path) == 4
    assert [("2 tensors beside the network are left out" in note) for note in loaded.notes] == [True] * bool(beside)


def test_read_checkpoint_strips_wrappers_within_names(small: Architecture, state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({name.replace(".conv.", "._orig_mod.conv."): value for name, value in state.items()}, path)
    assert load_weights(path, small).fresh == ()


WRAPPED: dict[str, Callable[[State], Any]] = {
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"state": {0: {"m": torch.ones(2)}}}},
    "model_state_dict": lambda state: {"model_state_dict": state},
    "another key": lambda state: {"my_network": state, "acc": 71.0},
    "nested": lambda state: {"checkpoint": {"model": state}},
    "list": lambda state: [state],
    "namespace": lambda state: {"model": state, "args": argparse.Namespace(lr=0.1, where=Path("data"))},
    "profiled": lambda state: {**state, "total_ops": torch.zeros(1), "stem.total_params": torch.zeros(1)},
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_read_checkpoint_finds_the_network_in_mappings(
    kind: str, small: Architecture, state: State, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save(WRAPPED[kind](state), path)
    loaded = load_weights(path, small).state
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


AVERAGED: dict[str, Callable[[State, State], Any]] = {
    "timm": lambda raw, mean: {"state_dict": raw, "state_dict_ema": mean},
    "torchvision": lambda raw, mean: {"model": raw, "model_ema": counted(mean)},
    "bare": lambda raw, mean: {"model": raw, "ema": mean},
    "nested": lambda raw, mean: {"model": raw, "ema": {"decay": 0.99, "module": mean}},
    "module's": lambda raw, mean: {"state_dict": {**prefixed(raw, "model."), **prefixed(mean, "ema_model.module.")}},
    "suffix": lambda raw, mean: {**prefixed(raw, "net."), **prefixed(mean, "net_ema.")},
    "swa": lambda raw, mean: {"state_dict": raw, "swa_state_dict": counted(mean)},
    "callback": lambda raw, mean: {"state_dict": raw, "callbacks": {"EMA": {"ema_state_dict": mean}}},
    "lightning": lambda raw, mean: {
        "state_dict": prefixed(mean, "model."),
        "current_model_state": prefixed(raw, "model."),
        "averaging_state": {"n_averaged": torch.tensor(5)},
    },
}


@pytest.mark.parametrize("kind", AVERAGED)
def test_read_checkpoint_prefers_averaged_weights_and_says_so(
    kind: str, small: Architecture, state: State, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save(AVERAGED[kind](state, halved(state)), path)
    loaded = load_weights(path, small)
    assert torch.equal(loaded.state["stem.conv.weight"], state["stem.conv.weight"] / 2)
    assert any("averaged weights" in note and "these are used" in note for note in loaded.notes)


def test_read_checkpoint_says_that_nameless_averages_are_not_used(
    small: Architecture, state: State, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"model": state, "ema": {"decay": 0.9, "shadow_params": list(halved(state).values())}}, path)
    loaded = load_weights(path, small)
    assert torch.equal(loaded.state["stem.conv.weight"], state["stem.conv.weight"])
    assert "without a network's names: the raw are used" in loaded.notes[0]


def test_read_checkpoint_refuses_to_choose_between_networks(state: State, tmp_path: Path) -> None:
    path = tmp_path / "two.pth"
    torch.save({**prefixed(state, "student."), **prefixed(state, "teacher.")}, path)
    with pytest.raises(NasError, match=r"two\.pth: holds several networks \(student, teacher\)"):
        read_checkpoint(path)


NAMES = ("weights", "weights.bin", "weights.PTH", "epoch=3-step=99.ckpt", "a.pth.tar", "a.safetensors")


@pytest.mark.parametrize("name", NAMES)
def test_read_checkpoint_tells_torchs_files_by_content(
    name: str, small: Architecture, state: State, tmp_path: Path
) -> None:
    torch.save({"state_dict": state}, tmp_path / name)
    assert load_weights(tmp_path / name, small).fresh == ()


@pytest.mark.parametrize("name", ["weights", "weights.pth", "pytorch_model.bin"])
def test_read_checkpoint_tells_safetensors_by_content(
    name: str, small: Architecture, state: State, tmp_path: Path
) -> None:
    save_file(state, tmp_path / name)
    assert load_weights(tmp_path / name, small).fresh == ()


def test_read_checkpoint_reads_safetensors_whose_length_spells_a_zip(
    small: Architecture, state: State, tmp_path: Path
) -> None:
    save_file(state, tmp_path / "weights")
    missing = int.from_bytes(b"PK", "little") - int.from_bytes((tmp_path / "weights").read_bytes()[:8], "little")
    text = "-" * (missing - len('"__metadata__":{"note":""},'))
    save_file(state, tmp_path / "weights", metadata={"note": text})
    assert (tmp_path / "weights").read_bytes()[:2] == b"PK"
    assert load_weights(tmp_path / "weights", small).fresh == ()


def test_read_checkpoint_reads_the_format_before_zip(small: Architecture, state: State, tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    assert load_weights(path, small).fresh == ()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_load_weights_takes_any_precision(kind: torch.dtype, small: Architecture, state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({name: value.to(kind) for name, value in state.items()}, path)
    loaded = load_weights(path, small).state
    assert all(value.dtype == torch.float32 for value in loaded.values())
    torch.testing.assert_close(loaded["stem.conv.weight"], state["stem.conv.weight"], rtol=1e-2, atol=1e-3)


class Local(torch.nn.Linear):
    """A whole model of a class that nobody else knows."""


REFUSED: dict[str, tuple[Callable[[Path, State], object], str]] = {
    "a whole model": (lambda path, _: torch.save(Local(2, 2), path), "holds Python objects beside its tensors"),
    "a script": (
        lambda path, _: torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path),
        "is a TorchScript program, which would have to be executed",
    ),
    "hdf5": (lambda path, _: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64)), "is a file of HDF5"),
    "a pointer": (
        lambda path, _: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
        "pointer of Git LFS",
    ),
    "a page": (lambda path, _: path.write_text("<!DOCTYPE html><html>404</html>"), "a page of HTML"),
    "an archive": (
        lambda path, _: zipfile.ZipFile(path, "w").writestr("x.npy", b"1"),
        "zip archive that torch",
    ),
    "nothing": (lambda path, _: path.write_bytes(b""), "is no weights file"),
    "no statistics": (
        lambda path, state: torch.save({n: v for n, v in state.items() if "running" not in n}, path),
        r"lacks stem\.norm\.running_mean",
    ),
    "a grey stem": (
        lambda path, state: torch.save({**state, "stem.conv.weight": state["stem.conv.weight"][:, :1]}, path),
        r"stem\.conv\.weight has shape \[8, 1, 3, 3\], the architecture needs \[8, 3, 3, 3\]",
    ),
    "a lie": (lambda path, _: path.write_bytes(struct.pack("<Q", 1 << 40) + b"{" + bytes(64)), "is no weights file"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_is_refused_alike_and_truly(
    kind: str, small: Architecture, state: State, tmp_path: Path
) -> None:
    path, (make, message) = tmp_path / "weights.pth", REFUSED[kind]
    make(path, state)
    said = []
    for read in (lambda: load_weights(path, small), lambda: adopted(path, "", small)):
        with pytest.raises(NasError, match=message) as refused:
            read()
        said.append(str(refused.value))
    assert said[0] == said[1]


def test_a_missing_classifier_is_made_anew(small: Architecture, state: State, tmp_path: Path) -> None:
    path = tmp_path / "features.pth"
    torch.save({name: value for name, value in state.items() if "classifier" not in name}, path)
    assert load_weights(path, small).fresh == ("head_classifier.linear.weight", "head_classifier.linear.bias")
    with pytest.raises(NasError, match="holds no classifier that belongs to its network"):
        stored_classes(path)


def test_a_classifier_of_another_build_is_made_anew_with_the_layers_before_it(
    small: Architecture, state: State, tmp_path: Path
) -> None:
    """Somebody put one layer behind the pool in the place of two."""
    path = tmp_path / "other.pth"
    kept = {name: value for name, value in state.items() if not name.startswith(("head_hidden", "head_classifier"))}
    torch.save({**kept, "classifier.weight": torch.ones(4, 48), "classifier.bias": torch.ones(4)}, path)
    assert len(load_weights(path, small).fresh) == 4


def test_recognised_takes_our_own_file_that_says_its_network(small: Architecture, state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, state)
    path.write_bytes(with_header(path.read_bytes(), describe_weights(small, ("a", "b", "c", "d"), "0")))
    found = recognised(path)
    assert (found.architecture, found.labels) == (small, ("a", "b", "c", "d"))
    assert all(torch.equal(load_weights(path, small).state[name], value) for name, value in state.items())
