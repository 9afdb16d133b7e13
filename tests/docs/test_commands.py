"""Every command is documented with an example, and every example in the README and in the help is one that runs."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from nas.cli.app import app

ROOT = Path(__file__).parent.parent
GROUP = typer.main.get_group(app)


def commands(group: TyperGroup, path: str) -> Iterator[tuple[str, TyperCommand]]:
    for name, child in group.commands.items():
        if isinstance(child, TyperGroup):
            yield from commands(child, f"{path} {name}")
        else:
            assert isinstance(child, TyperCommand)
            yield f"{path} {name}", child


COMMANDS = dict(commands(GROUP, "nas"))
README = [
    line
    for block in re.findall(r"```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("nas ")
]


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


@pytest.mark.parametrize("line", README)
def test_a_line_of_the_readme_is_a_proper_call(line: str) -> None:
    assert parse(line) in COMMANDS


def test_the_readme_shows_every_command() -> None:
    assert {parse(line) for line in README} == set(COMMANDS)
