"""The `nas` of the public package index is another project's: no text of ours tells anybody to install it."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# A command that installs, up to a word that is the bare name, with an extra or a version or without.
_COMMAND = r"\b(?:pip3?|pipx|uv|uvx|conda|mamba|poetry|pdm|easy_install)\b[^\n`]*?\b(?:install|add|run|--with|--from)"
_ARGUMENT = r"(?:[ \t]+[^\s`;&|]+)*?[ \t]+[\"'\\]*"
_NAME = r"nas(?=$|[\s\"'`\\.,;:)\[<>=~!@]+)(?!\.\w)"
_INSTALLS = re.compile(_COMMAND + _ARGUMENT + _NAME, re.MULTILINE)
# A requirement in a list of them.
_REQUIRES = re.compile(r"(?<![\w.-])nas *(?:\[(?:openvino|litert|docs|test)|[=~><!]=|@ *(?:git|http|file))")
_SKIPPED = {"build", "_build", "runs", "__pycache__"}
# What the name stands for below, so that this file passes as well.
_OURS, _BARE = "latency-nas", "na" + "s"


def names_the_stranger(text: str) -> list[str]:
    """The places of a text that would install the stranger's package."""
    return [found[0] for pattern in (_INSTALLS, _REQUIRES) for found in pattern.finditer(text)]


def project_files() -> list[Path]:
    """Everything in the checkout that is no hidden file, no build output and no run folder."""
    paths = (path for path in ROOT.rglob("*") if path.is_file())
    parts = ((path, path.relative_to(ROOT).parts) for path in paths)
    kept = [
        path
        for path, names in parts
        if not any(n.startswith(".") or n in _SKIPPED or n.endswith(".egg-info") for n in names)
    ]
    return [*kept, *(path for path in (ROOT / ".ci").rglob("*") if path.is_file())]


def test_no_text_of_the_project_installs_the_stranger() -> None:
    texts = {path.relative_to(ROOT): path.read_text(errors="replace") for path in project_files()}
    assert {Path("README.md"), Path("pyproject.toml"), Path("nas/runtimes/__init__.py")} <= set(texts)
    assert {str(path): found for path, text in texts.items() if (found := names_the_stranger(text))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "pip install NAME",
        "`pip install NAME`.",
        "python -m pip install 'NAME[openvino,litert]'",
        'pip3 install --upgrade "NAME[litert]"',
        "pip install numpy NAME==0.1.0",
        "pip install -c constraints.txt NAME",
        "uv pip install NAME",
        "uv add NAME",
        "pipx install NAME",
        '    "NAME[openvino,litert]",',
        "NAME==0.1.0",
        "NAME @ git+https://example.org",
    ],
)
def test_names_the_stranger_finds_every_way_to_say_it(text: str) -> None:
    assert names_the_stranger(text.replace("NAME", _BARE))
    assert not names_the_stranger(text.replace("NAME", _OURS))


@pytest.mark.parametrize(
    "text",
    [
        "pip install openvino",
        ".venv/bin/pip install -c constraints.txt .`, which puts `nas` into `.venv/bin`",
        "pip install '.[openvino,litert]'",
        "`pip install ai-edge-litert flatbuffers`. `nas runtimes` lists them",
        "/work/nas/bin/pip install nas-tools",
        "install it: nas runtimes says how",
        "pip install nas/dist/latency_nas.whl",
    ],
)
def test_names_the_stranger_leaves_everything_else(text: str) -> None:
    assert names_the_stranger(text) == []


def test_the_distribution_has_the_free_name_and_the_command_is_nas() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == _OURS
    assert project["scripts"] == {"nas": "nas.cli:main"}
    assert set(project["optional-dependencies"]) == {"openvino", "litert", "pretrained", "docs", "test"}
