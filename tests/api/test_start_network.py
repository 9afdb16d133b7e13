"""What a command starts from: run folders and names of weights, and what is said where there is no network."""

import json
from pathlib import Path

import pytest
import torch

from nas.api.options.structs import NetAdaptOptions
from nas.api.runs import netadapt_subject
from nas.api.start_network import Start, find_weights, open_network, read_given
from nas.design.architecture import Architecture, Head, InvertedResidual, Stage, Stem
from nas.design.files import write_json
from nas.design.graph import lower
from nas.design.shipping.metadata import describe_weights, with_header
from nas.errors import NasError
from nas.interfaces import say_nothing
from nas.nets.network import build
from nas.nets.weights.weights_file import load_weights, save_weights, state_of

TINY = Architecture(
    resolution=32,
    stem=Stem(8, "relu6"),
    stages=(Stage(8, 2, (InvertedResidual(3, 16, False, "relu6", False),)),),
    head=Head(16, None, "relu6"),
    classes=3,
    norm_eps=1e-4,
    mean=(0.1, 0.2, 0.3),
    padding="tensorflow",
)
LITE0 = "pretrained:efficientnet_lite0"


def open_start(source: str | Path, weights: Path | None = None) -> Start:
    return open_network(source, weights, read_given(None, None, None, None), say_nothing)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """The files of a finished run that say its network."""
    folder = tmp_path / "photos"
    folder.mkdir()
    write_json(folder / "architecture.json", TINY)
    save_weights(folder / "weights.safetensors", state_of(build(lower(TINY), seed=3)))
    for name in ("settings.json", "result.json"):
        (folder / name).write_text("{}")
    return folder


def test_open_network_of_a_run_folder_gives_the_network_that_it_shipped(run_folder: Path) -> None:
    start = open_start(run_folder)
    assert (start.name, start.architecture) == ("photos", TINY)
    assert start.weights == run_folder / "weights.safetensors"
    expected = state_of(build(lower(TINY), seed=3))["stem.conv.weight"]
    torch.testing.assert_close(load_weights(start.weights, TINY).state["stem.conv.weight"], expected, rtol=0, atol=0)


def test_open_network_of_a_folder_with_the_file_of_a_training_reads_its_header(run_folder: Path) -> None:
    path = run_folder / "weights.safetensors"
    path.write_bytes(with_header(path.read_bytes(), describe_weights(TINY, ("a", "b", "c"), "1")))
    for name in ("architecture.json", "settings.json", "result.json"):
        (run_folder / name).unlink()
    start = open_start(run_folder)
    assert (start.architecture, start.weights) == (TINY, path)
    assert start.seed is not None
    assert start.seed.labels == ("a", "b", "c")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (("architecture.json", "weights.safetensors", "result.json"),
         r"is an unfinished run, architecture\.json and weights\.safetensors are missing\. .*nas resume .*photos"),
        (("architecture.json", "result.json"), r"is an unfinished run, architecture\.json is missing"),
        (("weights.safetensors",), r"is damaged, weights\.safetensors is missing"),
        (("weights.safetensors", "settings.json"), r"a folder in which weights\.safetensors is missing"),
    ],
)  # fmt: skip
def test_open_network_says_what_a_folder_lacks(missing: tuple[str, ...], message: str, run_folder: Path) -> None:
    for name in missing:
        (run_folder / name).unlink()
    with pytest.raises(NasError, match=message):
        open_start(run_folder)
    with pytest.raises(NasError, match="photos: "):
        open_start("mobilenet_v2", run_folder)


def test_open_network_of_several_targets_names_their_folders(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{}")
    run_folder.rename(tmp_path / "8ms")
    with pytest.raises(NasError, match=rf"of several targets\. Name the folder of one: {tmp_path / '8ms'}\.$"):
        open_start(tmp_path)
    assert open_start(tmp_path / "8ms").name == "8ms"


def test_open_network_of_a_front_says_that_its_networks_are_not_trained(tmp_path: Path) -> None:
    for name in ("settings.json", "front.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(NasError, match=r"holds a front.* without --pareto"):
        open_start(tmp_path)


@pytest.mark.parametrize("name", ["architecture.json", "weights.safetensors"])
def test_open_network_names_the_file_of_a_run_that_is_cut_off(name: str, run_folder: Path) -> None:
    data = (run_folder / name).read_bytes()
    (run_folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(NasError, match=rf"photos/{name}"):
        open_start(run_folder)


def test_open_network_of_a_name_gives_the_network_and_all_that_the_weights_bring() -> None:
    start = open_start(LITE0)
    assert (start.name, start.architecture.classes, start.architecture.resolution) == ("efficientnet_lite0", 1000, 224)
    assert (start.architecture.mean, start.architecture.padding) == ((127 / 255,) * 3, "tensorflow")
    subject = netadapt_subject(NetAdaptOptions(source=LITE0, target_latency="5ms", resolution="96"), say_nothing)
    assert (subject.weights, subject.resolution) == (start.weights, 96)


def test_open_network_takes_names_and_run_folders_as_weights_of_a_network(run_folder: Path) -> None:
    start = open_start("efficientnet_lite0-1-64", Path(LITE0))
    assert (start.architecture.resolution, start.architecture.padding) == (64, "tensorflow")
    assert start.weights == find_weights(LITE0, say_nothing) != Path(LITE0)
    beside = open_start(run_folder / "architecture.json", run_folder)
    assert (beside.weights, beside.architecture) == (run_folder / "weights.safetensors", TINY)


@pytest.mark.parametrize("source", [LITE0, "weights.pth", "."])
def test_open_network_refuses_weights_twice(source: str) -> None:
    with pytest.raises(NasError, match=r"and --weights more\.pth was given too\. Give ARCH the network"):
        open_start(source, Path("more.pth"))


def test_the_request_of_a_run_keeps_where_named_weights_are(tmp_path: Path) -> None:
    from nas.api.options.request import RunRequest, keep_request, read_request

    options = NetAdaptOptions(source="efficientnet_lite0", weights=Path(LITE0), target_latency="5ms")
    subject = netadapt_subject(options, say_nothing)
    keep_request(tmp_path, RunRequest(options, subject))
    assert json.loads((tmp_path / "asked.json").read_bytes())["options"]["weights"] == LITE0
    assert read_request(tmp_path) == RunRequest(options, subject)
