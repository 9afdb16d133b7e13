"""A real wheel of this source has everything that `pip install .` must bring, and what it brings is found."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy, so that the checkout stays clean."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("nas", "search_spaces", "latency_tables"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    [built] = out.glob("*.whl")
    return built


def test_every_module_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "nas").rglob("*.py")} <= inside
    assert not [name for name in inside if name.startswith("tests/")]


@pytest.mark.parametrize(("folder", "ending"), [("search_spaces", "*.toml"), ("latency_tables", "*.jsonl")])
def test_data_folders_come_along_and_are_found(wheel: Path, tmp_path: Path, folder: str, ending: str) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    paths = f"shipped_folder({folder!r}).glob({ending!r})"
    code = f"from nas.folders import shipped_folder; print(*sorted(path.name for path in {paths}))"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert found == sorted(path.name for path in (ROOT / folder).glob(ending))


def test_the_wheel_has_the_command_the_licence_and_its_types(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    [entry_points] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
    assert "nas = nas.cli:main" in archive.read(entry_points).decode()
    assert [name for name in archive.namelist() if name.endswith("licenses/LICENSE")]
    assert "nas/py.typed" in archive.namelist()


def test_every_direct_dependency_is_pinned_within_its_range() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {pin.name: pin for pin in map(Requirement, (line for line in lines if not line.startswith("#")))}
    extras = PROJECT["optional-dependencies"].values()
    texts = [
        *PROJECT["dependencies"],
        *(text for extra in extras for text in extra if not text.startswith("latency-nas[")),
    ]
    wanted = [Requirement(text) for text in texts]
    assert sorted(pins) == sorted(requirement.name for requirement in wanted)
    for requirement in wanted:
        [exact] = pins[requirement.name].specifier
        assert exact.operator == "=="
        assert requirement.specifier.contains(exact.version)


def test_torch_is_pinned_as_promised() -> None:
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text().splitlines()
