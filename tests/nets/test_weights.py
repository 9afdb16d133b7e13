import errno
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from safetensors.torch import save_file

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.errors import NasError
from nas.nets.network import build
from nas.nets.weights.weights_file import load_checkpoint, load_weights, save_weights, shapes, state_of, stored_classes


@pytest.fixture
def saved(small: Architecture, tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_weights(path, state_of(build(lower(small), seed=3)))
    return path


def test_weights_come_back_equal(small: Architecture, saved: Path) -> None:
    expected = state_of(build(lower(small), seed=3))
    loaded = load_weights(saved, small)
    assert loaded.fresh == ()
    assert loaded.state.keys() == expected.keys() == shapes(lower(small)).keys()
    assert all(torch.equal(loaded.state[name], expected[name]) for name in expected)
    assert stored_classes(saved) == 4


def test_the_optimisers_state_is_kept_apart(small: Architecture, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    velocity = {"stem.conv.weight": torch.ones(8, 3, 3, 3)}
    save_weights(path, state_of(build(lower(small))), velocity)
    state, found = load_checkpoint(path, small)
    assert found.keys() == velocity.keys()
    assert torch.equal(found["stem.conv.weight"], velocity["stem.conv.weight"])
    assert state.keys() == load_weights(path, small).state.keys()


def test_another_number_of_classes_is_left_fresh(small: Architecture, saved: Path) -> None:
    loaded = load_weights(saved, replace(small, classes=7))
    assert loaded.fresh == ("head_classifier.linear.weight", "head_classifier.linear.bias")


def test_another_architecture_names_the_first_mismatch(small: Architecture, saved: Path) -> None:
    other = replace(
        small, stem=replace(small.stem, width=16), stages=(replace(small.stages[0], width=16), *small.stages[1:])
    )
    with pytest.raises(NasError, match=r"stem\.conv\.weight has shape \[8, 3, 3, 3\], the architecture needs \[16"):
        load_weights(saved, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stem.conv.weight": None}, r"lacks stem\.conv\.weight"),
        ({"extra.conv.weight": torch.ones(1)}, r"holds extra\.conv\.weight, which"),
        ({"stem.norm.bias": torch.full((8,), torch.nan)}, r"stem\.norm\.bias holds values that are not finite"),
        ({"stem.norm.bias": torch.ones(8, dtype=torch.int64)}, r"stem\.norm\.bias holds torch\.int64"),
        (
            {"stem.norm.bias": torch.full((8,), 1e300, dtype=torch.float64)},
            r"stem\.norm\.bias holds values that are not",
        ),
        ({"stem.norm.running_var": torch.full((8,), -1.0)}, r"stem\.norm\.running_var holds a negative variance"),
    ],
)
def test_a_file_that_does_not_fit(
    small: Architecture, tmp_path: Path, change: dict[str, torch.Tensor | None], message: str
) -> None:
    path = tmp_path / "weights.safetensors"
    state = {**state_of(build(lower(small))), **change}
    save_file({name: value for name, value in state.items() if value is not None}, path)
    with pytest.raises(NasError, match=message):
        load_weights(path, small)


def test_a_pickle_is_not_run(small: Architecture, tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save(_Trap(str(tmp_path / "sprung")), path)
    with pytest.raises(NasError, match=r"evil\.pth: holds Python objects beside its tensors, which are never run"):
        load_weights(path, small)
    assert not (tmp_path / "sprung").exists()


class _Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path(self.path),)  # type: ignore[return-value]


@pytest.mark.parametrize("tensor", [torch.eye(8).to_sparse(), torch.empty(8, device="meta")])
def test_a_tensor_without_its_numbers(small: Architecture, tmp_path: Path, tensor: torch.Tensor) -> None:
    path = tmp_path / "odd.pth"
    torch.save({**state_of(build(lower(small))), "stem.norm.bias": tensor}, path)
    with pytest.raises(NasError, match=r"odd\.pth: stem\.norm\.bias is no plain tensor"):
        load_weights(path, small)


def test_a_tensor_that_holds_no_numbers_is_refused_by_name(small: Architecture, tmp_path: Path) -> None:
    path = tmp_path / "empty.pth"
    torch.save({**state_of(build(lower(small))), "stem.conv.weight": torch.empty(0, 3, 3, 3)}, path)
    with pytest.raises(NasError, match=r"empty\.pth: stem\.conv\.weight of shape \[0, 3, 3, 3\] holds no numbers"):
        load_weights(path, small)


def test_a_file_that_unpacks_to_more_than_it_is(
    small: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, path = tmp_path / "plain.pth", tmp_path / "packed.pth"
    torch.save({"stem.conv.weight": torch.zeros(100_000)}, plain)
    with zipfile.ZipFile(plain) as parts, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for part in parts.namelist():
            packed.writestr(part, parts.read(part))
    monkeypatch.setattr("nas.nets.weights.content.MOST_BYTES", 100_000)
    assert path.stat().st_size < 10_000
    with pytest.raises(NasError, match=r"packed\.pth: holds more than 100000 bytes"):
        load_weights(path, small)


def test_a_checkpoint_of_something_else(small: Architecture, tmp_path: Path) -> None:
    path = tmp_path / "all.pth"
    torch.save({"epoch": 3, "model": {"stem": {}}}, path)
    with pytest.raises(NasError, match="is no state dict, a plain mapping"):
        load_weights(path, small)


def test_a_file_of_words(small: Architecture, tmp_path: Path) -> None:
    path = tmp_path / "words.pth"
    path.write_text("hello")
    with pytest.raises(NasError, match=r"words\.pth: is no weights file \(it cannot be read\)"):
        load_weights(path, small)


def test_no_such_file(small: Architecture, tmp_path: Path) -> None:
    with pytest.raises(NasError, match="No such file"):
        load_weights(tmp_path / "none.safetensors", small)


def test_a_full_disk_is_told_and_the_old_file_stays(
    small: Architecture, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NasError, match="No space left on device"):
        save_weights(saved, state_of(build(lower(small))))
    assert saved.read_bytes() == before


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from([".safetensors", ".pth"]),
    cuts=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=4),
    length=st.integers(0, 60_000),
)
@example(suffix=".pth", cuts=[(0, 128)], length=0)  # torch warns of what it takes for a pickle of a new protocol
def test_no_mutilated_file_ends_in_a_traceback(
    small: Architecture, tmp_path: Path, suffix: str, cuts: list[tuple[int, int]], length: int
) -> None:
    path = tmp_path / f"weights{suffix}"
    state = state_of(build(lower(small)))
    torch.save(state, path) if suffix == ".pth" else save_weights(path, state)
    content = bytearray(path.read_bytes())
    for place, value in cuts:
        content[place % len(content)] = value
    path.write_bytes(bytes(content[: length or None]))
    try:
        loaded = load_weights(path, small)
    except NasError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert set(loaded.state) | set(loaded.fresh) == set(shapes(lower(small)))
