"""What files say of themselves."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from safetensors import safe_open
from safetensors.numpy import load, save

from nas.design.architecture import Architecture, digest
from nas.design.files import decode
from nas.design.known import known
from nas.design.shipping.metadata import describe_model, describe_weights, with_header
from nas.errors import InvalidArchitecture


@given(st.dictionaries(st.text(min_size=1).filter(lambda name: name != "__metadata__"), st.text()))
def test_with_header_keeps_the_tensors_and_adds_the_texts(texts: dict[str, str]) -> None:
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(5, np.float32)}
    found = load(with_header(save(tensors, {"old": "kept"}), texts))
    assert all(np.array_equal(found[name], value) for name, value in tensors.items())


def test_with_header_is_read_back_by_the_library(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path, texts = tmp_path / "w.safetensors", describe_weights(known("mobilenet_v2"), ("käse", "b"), "1.0")
    path.write_bytes(with_header(save({"a": np.zeros(3, np.float32)}), texts))
    with safe_open(path, "np") as file:
        assert file.metadata() == texts
    assert json.loads(texts["classes"]) == ["käse", "b"]
    assert decode(texts["architecture"].encode(), Architecture, "", InvalidArchitecture) == known("mobilenet_v2")


def test_with_header_leaves_any_other_file() -> None:
    assert with_header(b"weights", {"a": "b"}) == b"weights"


def test_describe_model_leaves_classes_out_where_none_are_known() -> None:
    assert describe_model(known("mobilenet_v2-1-96"), (), "2") == {
        "mean": "[0.485, 0.456, 0.406]",
        "std": "[0.229, 0.224, 0.225]",
        "resolution": "96",
        "tool": "nas 2",
    }


def test_an_architecture_of_an_older_file_has_imagenets_normalisation_and_its_old_digest() -> None:
    arch = known("mobilenet_v3_small")
    assert digest(arch) == "5af71d2e5bd9"
    assert digest(replace(arch, padding="tensorflow")) != digest(arch)
    assert digest(replace(arch, mean=(0.5, 0.5, 0.5))) != digest(arch)


@pytest.mark.parametrize("change", [{"std": [0, 1, 1]}, {"mean": [0.5]}, {"padding": "valid"}, {"mean": [1e9, 0, 0]}])
def test_a_normalisation_that_is_none_is_refused(change: dict[str, object]) -> None:
    import msgspec

    document = {**msgspec.to_builtins(known("mobilenet_v2")), **change}
    with pytest.raises(InvalidArchitecture):
        decode(msgspec.json.encode(document), Architecture, "a.json", InvalidArchitecture)
