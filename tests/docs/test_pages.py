"""Links lead somewhere, files that are named exist, and the pages are built without a warning."""

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import fields

from nas.api.options import structs
from nas.api.options.declare import spell
from tests.docs.pages import DOCS, PAGES, ROOT, code_paths, is_dead, links

BUILT = ("docs/_build",)  # made, not kept
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    assert [link for link in links(page) if is_dead(page, link)] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_that_a_page_names_exist(page: Path) -> None:
    missing = [path for path in code_paths(page) if not path.startswith(BUILT) and not (ROOT / path).exists()]
    assert missing == []


def test_is_dead_finds_missing_files_and_headings() -> None:
    page = DOCS / "index.md"
    assert [is_dead(page, link) for link in ("start.md", "start.md#all-commands")] == [False, False]
    assert [is_dead(page, link) for link in ("nowhere.md", "start.md#no-such-heading", "#nothing")] == [True] * 3


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 70


@pytest.mark.slow
def test_pages_are_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the extra 'docs' is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", str(tmp_path / "trees")]
    done = subprocess.run([*command, str(DOCS), str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = (tmp_path / "out" / "options.html").read_text()
    kinds = (structs.SearchOptions, structs.NetAdaptOptions, structs.TableOptions, structs.TrainOptions)
    flags = {spell(field.name) for kind in kinds for field in fields(kind)} - {"--source", "--baselines"}
    assert [flag for flag in flags | {"--from", "--no-baselines"} if f">{flag}<" not in made] == []
    reference = (tmp_path / "out" / "reference.html").read_text()
    import nas

    assert [name for name in nas.__all__ if f'id="nas.{name}"' not in reference] == []
