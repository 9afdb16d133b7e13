"""Search spaces whose networks have a head: draws, covers, sizes, files and what is refused."""

import itertools
import random
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.container import supernet_architecture
from nas.design.cost import macs
from nas.design.dense.choice import LrAsppChoice, RAsppChoice, SsdLiteChoice
from nas.design.dense.head import DenseHead
from nas.design.dense.union import LrAspp, SsdLite
from nas.design.edits.tail import reduce_tail
from nas.design.graph import lower
from nas.design.known import known
from nas.design.space import SearchSpace, dense_space_names, load_space, with_dense
from nas.errors import InvalidSpace

FOLDER = Path(__file__).parents[2] / "search_spaces"
HEADS = ("ssdlite", "lraspp", "raspp")
SMALL = load_space("mobilenet_v3_small")


def tiny(kind: str) -> SearchSpace:
    """Few options everywhere, all of the head's."""
    stages = tuple(
        replace(stage, depth=stage.depth[:2], width=stage.width[:2], kernel=(3,), expansion=stage.expansion[-1:])
        for stage in SMALL.stages
    )
    return with_dense(replace(SMALL, stages=stages), kind)


def test_every_shipped_space_goes_with_every_head() -> None:
    assert len(dense_space_names()) == 3 * 8
    for name in dense_space_names():
        assert load_space(name).name == name


@pytest.mark.parametrize("name", dense_space_names())
def test_draws_of_a_space_with_a_head_are_networks_between_its_ends(name: str) -> None:
    space, rng = load_space(name), random.Random(0)
    least, most = (macs(lower(arch)) for arch in (space.smallest(96), space.largest(96)))
    for arch in (space.sample(rng, 96) for _ in range(3)):
        assert isinstance(arch.dense, DenseHead)
        assert (arch.dense.kind, arch.head.hidden, arch.task) == (name.split("_")[0], None, space.task)
        assert msgspec.json.decode(msgspec.json.encode(arch), type=Architecture) == arch
        assert least <= macs(lower(arch)) <= most


@pytest.mark.parametrize(("kind", "classes"), [("ssdlite", 91), ("lraspp", 21), ("raspp", 21)])
def test_networks_have_the_usual_classes_of_the_task_where_nothing_is_said(kind: str, classes: int) -> None:
    space = with_dense(SMALL, kind)
    found = {arch.classes for arch in (space.smallest(96), space.largest(96), space.sample(random.Random(0), 96))}
    assert found == {next(space.cover(96)).classes} == {classes}
    assert space.smallest(96, 7).classes == 7
    assert SMALL.smallest(96).classes == 1000


@pytest.mark.parametrize("kind", HEADS)
def test_the_cover_has_every_op_of_a_space_with_a_head(kind: str) -> None:
    space, rng = tiny(kind), random.Random(0)
    covered = {node.op for arch in space.cover(96) for node in lower(arch).nodes}
    for _ in range(150):
        assert {node.op for node in lower(space.sample(rng, 96)).nodes} <= covered


@pytest.mark.parametrize("name", ["ssdlite_shufflenet_v2", "lraspp_mobilenet_v1", "ssdlite_universal"])
def test_the_cover_has_the_maps_that_a_head_takes_from_any_family(name: str) -> None:
    """Of the whole space it is long: the stages before the tail have one option each but for what the head reads."""
    space, rng = load_space(name), random.Random(0)
    fixed = tuple(replace(stage, kernel=stage.kernel[-1:], expansion=stage.expansion[-1:]) for stage in space.stages)
    space = replace(space, stages=(*fixed[:-1], replace(fixed[-1], kernel=space.stages[-1].kernel)))
    covered = {node.op for arch in space.cover(64) for node in lower(arch).nodes}
    for _ in range(40):
        assert {node.op for node in lower(space.sample(rng, 64)).nodes} <= covered


@pytest.mark.parametrize(("kind", "most"), [("ssdlite", 1.5), ("lraspp", 2.5)])
def test_a_cover_with_a_head_is_not_much_longer_than_without(kind: str, most: float) -> None:
    assert len(list(with_dense(SMALL, kind).cover(96))) < most * len(list(SMALL.cover(96)))


@pytest.mark.parametrize("kind", HEADS)
def test_the_size_counts_every_set_of_answers_about_a_head(kind: str) -> None:
    space = with_dense(SMALL, kind)
    fixed = replace(SMALL, stages=tuple(replace(one, depth=(1,)) for one in SMALL.stages))
    decisions = {name: options for name, options in space.options().items() if name.startswith(("head", "dense"))}
    archs = set()
    for answers in itertools.product(*decisions.values()):
        record = dict(zip(decisions, answers, strict=True))
        archs.add(replace(fixed, dense=space.dense).draw(lambda name, o, r=record: r.get(name, o[-1]), 96))  # type: ignore[misc]
    assert space.size() == SMALL.size() * len(archs) // 2  # the hidden layer is one, the last convolution two options


def test_only_decisions_of_several_options_are_asked() -> None:
    space = replace(SMALL, dense=SsdLiteChoice(reduced=(False,), width=(0.5, 1.0)))
    assert [name for name in space.options() if name.startswith(("head", "dense"))] == ["head.width", "dense.width"]
    fixed = replace(SMALL, dense=LrAsppChoice(reduced=(True,), inner=(64,), output_stride=(32,)))
    assert [name for name in fixed.options() if name.startswith("dense")] == []
    assert fixed.smallest(96).dense == LrAspp(64, 32)


def test_the_cheaper_tail_and_stride_come_first_however_they_are_written() -> None:
    written = LrAsppChoice(reduced=(False, True), output_stride=(16, 32))
    assert (written.reduced, written.output_stride) == ((True, False), (32, 16))
    space = replace(SMALL, dense=written)
    small, large = space.smallest(96), space.largest(96)
    assert small == reduce_tail(space.draw(lambda name, o: False if name == "dense.reduced" else o[0], 96))
    assert isinstance(large.dense, LrAspp)
    assert (large.dense.output_stride, large.stages[-1].width) == (16, SMALL.largest(96).stages[-1].width)


def test_a_reduced_draw_is_the_whole_one_with_half_its_tail() -> None:
    space = load_space("ssdlite_mobilenet_v3_large")
    whole = space.largest(96)
    reduced = space.draw(lambda name, options: name == "dense.reduced" or options[-1], 96)
    assert [stage.width for stage in whole.stages[:-1]] == [stage.width for stage in reduced.stages[:-1]]
    assert (reduced.stages[-1].width, reduced.head.width) == (384 // 2, 960 // 2)


def test_what_holds_all_networks_of_a_space_with_a_head_is_the_largest() -> None:
    for kind in HEADS:
        space = with_dense(SMALL, kind)
        big, largest = supernet_architecture(space, 96), space.largest(96)
        assert (big.dense, big.head, [stage.width for stage in big.stages]) == (
            largest.dense, largest.head, [stage.width for stage in largest.stages],
        )  # fmt: skip


@pytest.mark.parametrize("name", ["ssdlite_universal", "lraspp_mobilenet_v3_small"])
def test_shared_weights_hold_every_network_of_a_space_with_a_head(name: str) -> None:
    from nas.nets.supernet.views import require_within

    space, rng = load_space(name), random.Random(0)
    big = supernet_architecture(space, 64, 10)
    for arch in (space.smallest(64, 10), space.largest(64, 10), *(space.sample(rng, 64, 10) for _ in range(4))):
        require_within(arch, big)


def test_published_networks_get_the_head_of_the_space() -> None:
    space = load_space("lraspp_universal")
    assert space.published_names == ("lraspp_mobilenet_v4_conv_small", "lraspp_mobilenet_v3_large")
    assert load_space("universal").published_names == ("mobilenet_v4_conv_small", "mobilenet_v3_large")


def test_what_the_usual_space_of_a_head_offers_has_the_published_head() -> None:
    """So that a search begins near the published network."""
    detector, segmenter = known("ssdlite_mobilenet_v3_small").dense, known("lraspp_mobilenet_v3_small").dense
    assert with_dense(SMALL, "detection").largest(96).dense == detector == SsdLite()
    inner = {"dense.inner": 128, "dense.output_stride": 16}
    assert with_dense(SMALL, "segmentation").draw(lambda name, o: inner.get(name, o[0]), 96).dense == segmenter


def written(tmp_path: Path, dense: str, name: str = "mobilenet_v3_small", start: str = "") -> Path:
    file = tmp_path / "space.toml"
    file.write_text(f"{start}{(FOLDER / name).with_suffix('.toml').read_text()}\n[dense]\n{dense}\n")
    return file


def test_a_file_says_its_own_head_and_keeps_it(tmp_path: Path) -> None:
    space = load_space(written(tmp_path, 'kind = "raspp"\ninner = [96]\nreduced = [false]'))
    assert space.dense == RAsppChoice(reduced=(False,), inner=(96,))
    assert with_dense(space, "segmentation") == with_dense(space, "lraspp") == space
    assert space.task == "segmentation"


def test_a_space_without_a_head_is_written_as_before() -> None:
    assert b"dense" not in msgspec.json.encode(SMALL)  # a run's settings hold a digest of this
    assert with_dense(SMALL, "classification") is SMALL


@pytest.mark.parametrize("task", ["detection", "classification"])
def test_a_space_with_a_head_for_another_task_is_refused(task: str) -> None:
    with pytest.raises(InvalidSpace, match=f"are for segmentation, and {task} is asked for"):
        with_dense(with_dense(SMALL, "segmentation"), task)


def test_a_space_that_ends_too_early_has_no_place_for_a_head() -> None:
    early = replace(SMALL, name="early", stages=SMALL.stages[:3])
    with_dense(early, "segmentation")
    with pytest.raises(InvalidSpace, match=r"early: dense: SSDLite needs maps of stride 16 and 32.*ends at stride 16"):
        with_dense(early, "detection")


@pytest.mark.parametrize(
    ("dense", "start", "says"),
    [
        ('kind = "deeplab"', "", "deeplab"),
        ('kind = "ssdlite"\ninner = [64]', "", "inner"),
        ('kind = "lraspp"\noutput_stride = [8]', "", "8"),
        ('kind = "ssdlite"\nwidth = []', "", "width"),
        ('kind = "ssdlite"', 'published = ["squeezenet_1_1"]\n', "published has 'ssdlite_squeezenet_1_1'.*stride 16"),
    ],
)
def test_a_head_that_cannot_be_gets_a_sentence(dense: str, start: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSpace, match=says) as caught:
        load_space(written(tmp_path, dense, start=start))
    assert "space.toml" in str(caught.value)
