"""Forms of an architecture come back equal; a malformed file names path, value and rule."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from nas.design.architecture import Architecture
from nas.design.files import decode, read_architecture, resolve, write_json
from nas.design.known import KNOWN_NAMES, known
from nas.errors import InvalidArchitecture, NasError
from tests.design.strategies import architectures


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_json_comes_back_equal(name: str, tmp_path: Path) -> None:
    path = tmp_path / "architecture.json"
    write_json(path, known(name))
    assert read_architecture(path) == known(name)
    assert resolve(str(path)) == ("architecture", known(name))


@given(architectures())
def test_json_comes_back_equal_whatever_it_says(arch: Architecture) -> None:
    assert decode(msgspec.json.encode(arch), Architecture, "a.json", InvalidArchitecture) == arch


def test_blocks_of_older_files_are_inverted_residuals(tmp_path: Path) -> None:
    path, arch = tmp_path / "old.json", known("mobilenet_v3_small")
    path.write_bytes(msgspec.json.encode(arch).replace(b'"family":"inverted_residual",', b""))
    assert read_architecture(path) == arch


def test_a_name_resolves_to_the_known_network() -> None:
    assert resolve("mobilenet_v3_small-0.5", 10) == ("mobilenet_v3_small-0.5", known("mobilenet_v3_small-0.5", 10))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("stages", 1, "width"), -5, "stages[1].width = -5: expected `int` >= 2"),
        (("stages", 1, "blocks", 0, "kernel"), 4, "kernel = 4, but a kernel is odd"),
        (("stages", 2, "blocks", 0, "activation"), "swish", 'stages[2].blocks[0].activation = "swish"'),
        (("classes",), 10**9, "classes = 1000000000"),
        (("resolution",), "big", 'resolution = "big"'),
        (("stages", 1, "blocks", 0, "residual"), True, "a shortcut needs stride 1"),
        (("stages", 4, "blocks", 0, "residual"), True, "the shortcut comes with width 80"),
        (("extra",), 1, "unknown field `extra`"),
        (("format",), "nas-architecture-9", "nas-architecture-9"),
        (("stages",), [], "stages = []"),
    ],
)
def test_a_malformed_file_names_the_value_and_the_rule(
    path: tuple[str | int, ...], value: object, says: str, tmp_path: Path
) -> None:
    file = tmp_path / "architecture.json"
    write_json(file, known("mobilenet_v3_large"))
    document = json.loads(file.read_text())
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    file.write_text(json.dumps(document))
    with pytest.raises(InvalidArchitecture) as caught:
        read_architecture(file)
    assert str(file) in str(caught.value)
    assert says.lower() in str(caught.value).lower()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 100_000])
def test_what_is_no_architecture_gets_a_sentence(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "architecture.json"
    file.write_bytes(content)
    with pytest.raises(InvalidArchitecture, match=r"architecture\.json"):
        read_architecture(file)


def test_a_missing_file_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidArchitecture, match="cannot be read"):
        resolve(str(tmp_path / "no.json"))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file where a folder should be")
    with pytest.raises(NasError, match="cannot be written"):
        write_json(tmp_path / "folder" / "architecture.json", known("mobilenet_v2"))


def test_a_file_of_weights_is_told_from_an_architecture(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b'\x10\x00\x00\x00\x00\x00\x00\x00{"stem.conv"')
    with pytest.raises(InvalidArchitecture, match=r"weights\.safetensors: is no JSON\. Give an architecture\.json"):
        resolve(str(file))
