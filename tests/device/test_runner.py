import ast
import hashlib
import io
import json
import os
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import pytest

import nas.device
from nas.bench.boards.parcel import parcel
from nas.device import runner
from nas.device.runner import Answers, Refusal, Runner, end_predecessor, read_model, tidy
from nas.device.turns import REFERENCE_NUMBER

SOURCES = sorted(Path(nas.device.__file__).parent.glob("*.py"))
SESSION = "s-0123456789abcdef"


def imported(tree: ast.Module) -> set[str]:
    """The packages that a module imports as soon as it is imported itself."""
    found = set[str]()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_board_needs_python_3_9_and_its_standard_library(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))
    names = imported(tree)
    assert {name for name in names if name.split(".")[0] not in sys.stdlib_module_names} <= {
        name for name in names if name.startswith("nas.device")
    }
    # Annotations of today's syntax are no expressions of an old Python: they must stay text.
    assert "__future__" in names or path.name == "__init__.py"


def test_the_parcel_is_the_device_floor_and_always_the_same() -> None:
    with zipfile.ZipFile(io.BytesIO(parcel())) as file:
        names = file.namelist()
        assert names == ["__main__.py", "nas/__init__.py", *(f"nas/device/{path.name}" for path in SOURCES)]
        assert file.read("nas/__init__.py") == b""
        assert {info.date_time[0] for info in file.infolist()} == {1980}
    content = parcel()
    parcel.cache_clear()
    assert parcel() == content


class Model:
    def __init__(self) -> None:
        self.runs = 0

    def run(self) -> None:
        self.runs += 1
        time.sleep(1e-4)


class Talk:
    """A runner with a stand-in for its runtime, and what it answers."""

    def __init__(self, folder: Path) -> None:
        self._stream = io.BytesIO()
        self._answers = Answers(self._stream)
        self._runner = Runner(folder, self._answers)
        self.folder = folder

    def ask(self, do: str, **fields: object) -> list[dict[str, object]]:
        start = self._stream.tell()
        self._runner.answer({"do": do, **fields})
        self._answers.flush()
        return [json.loads(line) for line in self._stream.getvalue()[start:].splitlines()]

    def hello(self) -> list[dict[str, object]]:
        return self.ask("hello", runtime="onnxruntime", threads=1, precision="float32", own_thread=True, gap_ms=0)

    def file(self, content: bytes) -> tuple[str, int]:
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / digest).write_bytes(zlib.compress(content))
        return digest, len(content)


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Talk:
    monkeypatch.setattr(runner, "versions", lambda _: ("1.0", "abc"))
    monkeypatch.setattr(runner, "open_model", stand_in)
    monkeypatch.setattr(runner, "node_times", lambda runtime, content, threads, runs: [("conv", float(runs))])
    folder = tmp_path / SESSION
    folder.mkdir()
    return Talk(folder)


def stand_in(runtime: str, content: bytes, threads: int, precision: str) -> Model:
    if content == b"no model":
        raise RuntimeError("\n  Unsupported op.\nmore")
    return Model()


def test_a_session_from_hello_to_goodbye(talk: Talk) -> None:
    files = [talk.file(content) for content in (b"reference", b"a", b"b")]
    hello, done = talk.hello()
    assert done == {"type": "done"}
    assert (hello["version"], hello["library"]) == ("1.0", "abc")
    assert {digest for digest, _ in files} == set(hello["models"])  # type: ignore[call-overload]
    *rough, _ = talk.ask("load", models=[(*file, 3) for file in files])
    assert [answer["type"] for answer in rough] == ["rough"] * 3
    assert rough[0]["ms"] == 0
    *visits, _ = talk.ask("visits", order=[1, 0])
    numbers = [answer["number"] for answer in visits]
    assert numbers[0] == numbers[-1] == REFERENCE_NUMBER
    assert [number for number in numbers if number != REFERENCE_NUMBER] == [1, 0]
    assert all(len(answer["ticks"]) >= 3 for answer in visits if answer["number"] != REFERENCE_NUMBER)  # type: ignore[arg-type]
    profile, _ = talk.ask("profile", models=[(*files[1], 7)])
    assert profile["nodes"] == [["conv", 7.0]]
    assert [visit[0] for visit in profile["reference"]] == [REFERENCE_NUMBER] * 2  # type: ignore[attr-defined]
    talk.ask("bye")
    assert not talk.folder.exists()


def test_what_cannot_be_done_is_an_answer(talk: Talk) -> None:
    talk.hello()
    (missing,) = talk.ask("load", models=[("0" * 64, 1, 3)])
    assert missing["kind"] == "bad-model"
    (rejected,) = talk.ask("load", models=[(*talk.file(b"no model"), 3)])
    assert rejected == {"type": "error", "kind": "rejected", "text": "Unsupported op"}
    (early,) = talk.ask("visits", order=[])
    assert early["kind"] == "rejected"
    assert talk.ask("load", models=[(*talk.file(b"reference"), 3)])[-1] == {"type": "done"}


def test_a_missing_runtime_is_told(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> tuple[str, str]:
        raise ImportError("No module named 'onnxruntime'")

    monkeypatch.setattr(runner, "versions", missing)
    assert talk.hello() == [{"type": "error", "kind": "runtime-missing", "text": "No module named 'onnxruntime'"}]


WHOLE = b"whole" * 1000


@pytest.mark.parametrize(
    "content",
    [b"", b"who", WHOLE, zlib.compress(WHOLE)[:-9], zlib.compress(b"other"), zlib.compress(WHOLE + b"more")[:30]],
)
def test_a_file_that_is_not_what_its_name_says_is_removed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / hashlib.sha256(WHOLE).hexdigest()
    path.write_bytes(zlib.compress(WHOLE))
    assert read_model(path, len(WHOLE)) == WHOLE
    path.write_bytes(content)
    with pytest.raises(Refusal, match="is not what was sent"):
        read_model(path, len(WHOLE))
    assert not path.exists()


def test_only_stale_sessions_and_cut_uploads_are_removed(tmp_path: Path) -> None:
    week = 7 * 24 * 3600
    ages = {SESSION: 2 * week, "s-00000000000000aa": week + 60, "s-00000000000000bb": week - 60, "photos": 9 * week}
    for name, age_s in ages.items():
        (tmp_path / name).mkdir()
        for file in ("model", "model.0.part"):
            (tmp_path / name / file).touch()
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    tidy(tmp_path / SESSION)
    assert {path.name for path in tmp_path.iterdir()} == {SESSION, "s-00000000000000bb", "photos"}
    assert [path.name for path in (tmp_path / SESSION).iterdir()] == ["model"]
    assert len(list((tmp_path / "photos").iterdir())) == 2


def test_only_the_sessions_own_predecessor_is_ended(tmp_path: Path) -> None:
    wait = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen([*wait, f"{SESSION}/runner.zip"], stdin=subprocess.PIPE) as old,
        subprocess.Popen([*wait, "other"], stdin=subprocess.PIPE) as other,
    ):
        folder = tmp_path / SESSION
        folder.mkdir()
        # The number may have gone to another program since.
        (folder / "runner.pid").write_text(str(other.pid))
        end_predecessor(folder)
        assert other.poll() is None
        (folder / "runner.pid").write_text(str(old.pid))
        end_predecessor(folder)
        assert old.wait(10) == -9
        assert (folder / "runner.pid").read_text() == str(os.getpid())
        other.kill()
