"""`--resolution`: one is fixed, several are chosen from."""

import json

import pytest
from typer.testing import CliRunner

import nas
from nas.api.check import spell_resolution
from nas.api.options.resolution import parse_resolutions, require_one_aspect, resolved
from nas.cli.app import app
from nas.design.space import load_space
from nas.errors import NasError

SPACE = load_space("mobilenet_v3_small")


def test_one_is_left_open_by_the_space_and_several_are_its_choice() -> None:
    assert resolved(SPACE, "192") == (SPACE, 192)
    assert resolved(SPACE, "192, 160,192") == (SPACE.at(160, 192), 192)
    assert resolved(SPACE, None) == (SPACE, 224)
    assert resolved(SPACE.at(96, 128), None) == (SPACE.at(96, 128), 128)
    assert resolved(SPACE.at(96, 128), "160") == (SPACE, 160)
    assert resolved(SPACE, "192x320") == (SPACE, (192, 320))
    assert resolved(SPACE, "192 x 320, 96x160") == (SPACE.at((96, 160), (192, 320)), (192, 320))
    assert resolved(SPACE, "224x224") == (SPACE, 224)


@pytest.mark.parametrize("wrong", ["", "16", "224,", "large", "2.5", "-96", "4096", "96;128", "0", "x320", "192 320"])
def test_what_is_no_size_is_named(wrong: str) -> None:
    with pytest.raises(NasError, match="no size in pixels"):
        parse_resolutions(wrong)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("192x", "192"), ("x320", "320"), ("192*320", "192x320"), ("0x320", "32x320"), ("99999", "2048"),
        ("192,16x320", "32x320"), ("192x320x3", "192x320"), ("9" * 5000, "2048"),
    ],
)  # fmt: skip
def test_the_nearest_size_is_told(wrong: str, nearest: str) -> None:
    with pytest.raises(NasError, match=rf"is no size in pixels\. The nearest is {nearest}\. Give"):
        parse_resolutions(wrong)


def test_resolutions_of_one_run_have_one_aspect() -> None:
    require_one_aspect([(96, 160), (128, 216), (192, 320)])
    require_one_aspect([160, 192, 224])
    with pytest.raises(
        NasError, match=r"Resolutions 160, 192x320 have different aspects.* Take 160x264 instead of 160,"
    ):
        require_one_aspect([160, (192, 320)])
    with pytest.raises(NasError, match="different aspects"):
        require_one_aspect([(320, 192), (192, 320)])


def test_in_python_a_pair_is_one_size_and_a_list_several() -> None:
    assert spell_resolution((192, 320)) == "192x320"
    assert spell_resolution([96, (96, 160), "64x96"]) == "96,96x160,64x96"
    assert nas.network("mobilenet_v3_small", resolution=(96, 160)) == nas.network("mobilenet_v3_small-1-96x160")
    assert nas.network("mobilenet_v3_small", resolution="16x24").resolution == (16, 24)
    for wrong in (True, 2.5, (96, 4), (96, 128, 160), "96x", [96]):
        with pytest.raises(NasError, match="no size in pixels"):
            nas.network("mobilenet_v3_small", resolution=wrong)  # type: ignore[arg-type]


def test_draws_are_of_all_resolutions() -> None:
    words = ["draw", "--space", "mobilenet_v3_small", "--resolution", "96,128", "--count", "20", "--json"]
    found = CliRunner().invoke(app, words)
    assert {arch["resolution"] for arch in json.loads(found.stdout)} == {96, 128}
    found = CliRunner().invoke(app, [*words[:4], "64x96,96x144", *words[5:]])
    assert {tuple(arch["resolution"]) for arch in json.loads(found.stdout)} == {(64, 96), (96, 144)}


def test_draws_of_a_space_with_a_head_have_the_classes_of_its_task() -> None:
    words = ["draw", "--space", "lraspp_mobilenet_v3_small", "--resolution", "96", "--json"]
    drawn = [CliRunner().invoke(app, [*words, *more]).stdout for more in ([], ["--classes", "5"])]
    assert [json.loads(found)[0]["classes"] for found in drawn] == [21, 5]
    assert json.loads(drawn[0])[0]["dense"]["kind"] == "lraspp"
