"""A cache of the test's own, and stores of what does not fit into no memory at all."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every data set of files is read from a store."""
    monkeypatch.setattr("nas.nets.data.pictures.MOST_IN_MEMORY", 0)
