"""Every command is documented with an example, and every command line in a page or in the help can be parsed."""

import re
import shlex
from collections.abc import Iterator

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from nas.cli.app import app
from tests.docs.pages import PAGES

GROUP = typer.main.get_group(app)


def commands(group: TyperGroup, path: str) -> Iterator[tuple[str, TyperCommand]]:
    for name, child in group.commands.items():
        if isinstance(child, TyperGroup):
            yield from commands(child, f"{path} {name}")
        else:
            assert isinstance(child, TyperCommand)
            yield f"{path} {name}", child


COMMANDS = dict(commands(GROUP, "nas"))
LINES = sorted(
    {
        line
        for page in PAGES
        for block in re.findall(r"```\n(.*?)```", page.read_text(), re.DOTALL)
        for line in block.splitlines()
        if line.startswith("nas ")
    }
)


def parse(line: str) -> str:
    """The command of a line; click raises where the line is no proper call of it."""
    words = shlex.split(line)
    depth = 3 if words[1] == "table" else 2
    path = " ".join(words[:depth])
    COMMANDS[path].make_context(path, words[depth:])
    return path


@pytest.mark.parametrize("path", COMMANDS)
def test_the_help_of_a_command_has_an_example_of_it(path: str) -> None:
    found = re.search(r"Example: (.+)", COMMANDS[path].help or "")
    assert found is not None
    assert parse(found[1]) == path


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_speaks_json(path: str) -> None:
    assert "--json" in [option for parameter in COMMANDS[path].params for option in parameter.opts]


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_a_page_is_a_proper_call(line: str) -> None:
    assert parse(line) in COMMANDS


def test_the_pages_show_every_command() -> None:
    assert {parse(line) for line in LINES} == set(COMMANDS)


def test_parse_refuses_an_option_that_no_command_has() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse("nas search --target-latency 5ms --no-such-option 3")
