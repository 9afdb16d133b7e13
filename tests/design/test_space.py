"""Search spaces: every chooser gives a legal architecture, and the cover has every op."""

import itertools
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.container import supernet_architecture
from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.space import load_space, space_names
from nas.errors import InvalidSpace


def test_a_space_a_family_is_shipped() -> None:
    assert space_names() == (
        "mnasnet",
        "mobilenet_v1",
        "mobilenet_v3_large",
        "mobilenet_v3_small",
        "ofa_mobilenet_v3",
        "shufflenet_v2",
        "universal",
        "universal_or_shuffle",
    )


@pytest.mark.parametrize("name", space_names())
@given(data=st.data())
def test_any_chooser_gives_a_legal_architecture(name: str, data: st.DataObject) -> None:
    space = load_space(name)
    arch = space.draw(lambda _, options: data.draw(st.sampled_from(options)), 96, 10)
    assert msgspec.json.decode(msgspec.json.encode(arch), type=Architecture) == arch
    assert macs(lower(space.smallest(96, 10))) <= macs(lower(arch)) <= macs(lower(space.largest(96, 10)))


@pytest.mark.parametrize("name", space_names())
def test_the_cover_has_every_op_of_the_space(name: str) -> None:
    space, rng = load_space(name), random.Random(0)
    covered = {node.op for arch in space.cover() for node in lower(arch).nodes}
    for _ in range(300):
        assert {node.op for node in lower(space.sample(rng)).nodes} <= covered


@pytest.mark.parametrize("per_block", [False, True])
def test_the_size_counts_every_set_of_answers(per_block: bool) -> None:
    stage = replace(load_space("mobilenet_v3_small").stages[1], depth=(1, 2), per_block=per_block)
    space = replace(load_space("mobilenet_v3_small"), stages=(stage,))
    sets = set()
    for answers in itertools.product(*space.options().values()):
        asked: dict[str, Any] = {}
        record = dict(zip(space.options(), answers, strict=True))
        space.draw(lambda name, _, asked=asked, record=record: asked.setdefault(name, record[name]))  # type: ignore[misc]
        sets.add(tuple(asked.items()))
    assert space.size() == len(sets)


def test_a_recorded_answer_draws_the_same_again() -> None:
    space, rng, answers = load_space("mobilenet_v3_small"), random.Random(3), dict[str, Any]()

    def record(name: str, options: Any) -> Any:
        answers[name] = rng.choice(options)
        return answers[name]

    arch = space.draw(record)
    assert space.draw(lambda name, _: answers[name]) == arch
    assert set(answers) == set(space.options())


def test_the_same_seed_samples_the_same() -> None:
    space = load_space("mobilenet_v3_large")
    assert space.sample(random.Random(5)) == space.sample(random.Random(5)) != space.sample(random.Random(6))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("stride = 1", "stride = 3", "stride"),
        ("kernel = [3, 5]", "kernel = []", "kernel"),
        ('expansion = ["none"]', 'expansion = ["some"]', "expansion"),
        ("[stem]", "[stom]", "stom"),
        ("[stem]", "[stem", "TOML"),
        ("width = [16, 32]", "width = [100000000]", "width"),
    ],
)
def test_a_malformed_space_gets_a_sentence(old: str, new: str, says: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "search_spaces" / "mobilenet_v3_large.toml").read_text()
    file = tmp_path / "space.toml"
    file.write_text(text.replace(old, new))
    with pytest.raises(InvalidSpace, match=says) as caught:
        load_space(str(file)).smallest()
    assert str(file) in str(caught.value)


def test_an_unknown_space_names_the_known_ones() -> None:
    with pytest.raises(InvalidSpace, match="mobilenet_v3_large, mobilenet_v3_small"):
        load_space("resnet")


def test_resolutions_are_a_choice_like_any_other() -> None:
    space, rng = load_space("mobilenet_v3_small").at(192, 96, 128, 96), random.Random(0)
    assert space.options()["resolution"] == (96, 128, 192)
    assert space.size() == 3 * load_space("mobilenet_v3_small").size()
    assert space.smallest(64).resolution == 96
    assert space.largest(64).resolution == supernet_architecture(space, 64).resolution == 192
    assert {space.sample(rng, 64).resolution for _ in range(50)} == {96, 128, 192}
    assert {arch.resolution for arch in space.cover(64)} == {96, 128, 192}


def test_one_resolution_is_no_choice() -> None:
    space = load_space("mobilenet_v3_small")
    assert "resolution" not in space.options()
    assert "resolution" not in space.at(96).options()
    assert space.at(96).largest() == space.largest(96)
    assert list(space.at(96).cover()) == list(space.cover(96))
    assert b"resolutions" not in msgspec.json.encode(space)  # a run's settings hold a digest of this


@pytest.mark.parametrize("wrong", ["[224, 160]", "[160, 160]", "[16]", '["large"]'])
def test_resolutions_of_a_file_rise(wrong: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "search_spaces" / "mobilenet_v3_large.toml").read_text()
    file = tmp_path / "space.toml"
    file.write_text(f"resolutions = [96, 128]\n{text}")
    assert load_space(str(file)).resolutions == (96, 128)
    file.write_text(f"resolutions = {wrong}\n{text}")
    with pytest.raises(InvalidSpace, match="resolutions"):
        load_space(str(file))
