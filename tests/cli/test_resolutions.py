"""`--resolution`: one is fixed, several are chosen from."""

import json

import pytest
from typer.testing import CliRunner

from nas.api.options.resolution import parse_resolutions, resolved
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


@pytest.mark.parametrize("wrong", ["", "16", "224,", "large", "2.5", "-96", "4096", "96;128"])
def test_what_is_no_side_is_named(wrong: str) -> None:
    with pytest.raises(NasError, match="no side in pixels"):
        parse_resolutions(wrong)


def test_draws_are_of_all_resolutions() -> None:
    words = ["draw", "--space", "mobilenet_v3_small", "--resolution", "96,128", "--count", "20", "--json"]
    found = CliRunner().invoke(app, words)
    assert {arch["resolution"] for arch in json.loads(found.stdout)} == {96, 128}
