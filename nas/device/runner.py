"""The program that runs on a board: requests come as JSON lines on stdin, answers leave as JSON lines on stdout."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from nas.device.clock import SystemClock
from nas.device.facts import facts
from nas.device.models import node_times, open_model, versions
from nas.device.session import Session

# Answers leave together: a packet a visit would have the board encrypt while it times.
_FLUSH_S = 0.25
_STALE_S = 7 * 24 * 3600
_SESSION = re.compile(r"s-[0-9a-f]{16}")
_MODEL = re.compile(r"[0-9a-f]{64}")
_PID = "runner.pid"


class Refusal(Exception):
    """A request that cannot be met: a kind for the program at the other end, and a text for its user."""

    def __init__(self, kind: str, text: str) -> None:
        """The kinds are `runtime-missing`, `rejected` and `bad-model`."""
        super().__init__(text)
        self.kind, self.text = kind, text


class Answers:
    """JSON lines, sent a few at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        """An unbuffered stream."""
        self._stream = stream
        self._waiting: list[bytes] = []
        self._sent_s = 0.0

    def tell(self, what: str, /, **fields: object) -> None:
        """One answer."""
        self._waiting.append(json.dumps({"type": what, **fields}).encode() + b"\n")
        if time.monotonic() - self._sent_s > _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Sends what waits; raises BrokenPipeError where nobody listens any more."""
        left = memoryview(b"".join(self._waiting))
        while left:
            left = left[self._stream.write(left) :]
        self._waiting, self._sent_s = [], time.monotonic()


class Runner:
    """One session on this board: models out of one folder, the first of them the reference."""

    def __init__(self, folder: Path, answers: Answers) -> None:
        """`folder` is this session's own, among those of others."""
        self._folder, self._tell = folder, answers.tell
        self._session: Session | None = None
        self._clock = SystemClock()
        self._open: Callable[[bytes], Any]
        self._nodes: Callable[[bytes, int], list[tuple[str, float]]]

    def answer(self, request: dict[str, Any]) -> bool:
        """Whether to go on after this request; errors are answers too."""
        do: str = request.pop("do")
        try:
            getattr(self, do)(**request)
            self._tell("done")
        except Refusal as refusal:
            self._tell("error", kind=refusal.kind, text=refusal.text)
        return do != "bye"

    def hello(self, runtime: str, threads: int, precision: str, own_thread: bool, gap_ms: float) -> None:
        """Takes over the session from a runner that lost its connection, and says what is here."""
        end_predecessor(self._folder)
        tidy(self._folder)
        try:
            version, library = versions(runtime)
        except ImportError as error:
            raise Refusal("runtime-missing", str(error)) from error
        self._clock = SystemClock(own_thread, gap_ms)
        self._open = lambda content: open_model(runtime, content, threads, precision)
        self._nodes = lambda content, runs: node_times(runtime, content, threads, runs)
        self._tell(
            "hello",
            facts=facts(),
            version=version,
            library=library,
            python=platform.python_version(),
            free_bytes=shutil.disk_usage(self._folder).free,
            models=[path.name for path in self._folder.iterdir() if _MODEL.fullmatch(path.name)],
        )

    def load(self, models: list[tuple[str, int, int]]) -> None:
        """Opens files, given by digest, size and readings a visit; tells rough times, 0 for the reference."""
        for digest, size, readings in models:
            content = read_model(self._folder / digest, size)
            with rejections():
                run = self._open(content).run
            if self._session is None:
                self._session = Session(run, self._clock)
                self._tell("rough", ms=0.0)
            else:
                self._tell("rough", ms=self._session.add(run, readings))

    def visits(self, order: list[int]) -> None:
        """One round, told visit by visit."""
        for visit in self._loaded().visits(order):
            self._tell("visit", number=visit.number, ticks=visit.ticks)

    def profile(self, models: list[tuple[str, int, int]]) -> None:
        """Tells the times of the nodes of files, given by digest, size and number of runs."""
        for digest, size, runs in models:
            content = read_model(self._folder / digest, size)
            with rejections():
                found = self._loaded().profile(partial(self._nodes, content, runs))
            self._tell("profile", nodes=found.nodes, reference=found.reference)

    def bye(self) -> None:
        """Leaves nothing behind."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _loaded(self) -> Session:
        if self._session is None:
            raise Refusal("rejected", "something was to be timed before a reference was loaded")
        return self._session


@contextmanager
def rejections() -> Iterator[None]:
    """Whatever a runtime's library raises over a model, as a Refusal: each has errors of its own."""
    try:
        yield
    except Refusal:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise Refusal("rejected", (lines or [type(error).__name__])[0].rstrip(".")[:300]) from error


def read_model(path: Path, size: int) -> bytes:
    """The model of a compressed file; raises Refusal, and removes the file, where it is not what its name says."""
    try:
        content = zlib.decompressobj().decompress(path.read_bytes(), size)
    except OSError as error:
        raise Refusal("bad-model", f"{path} cannot be read ({error.strerror})") from error
    except zlib.error:
        content = b""
    if hashlib.sha256(content).hexdigest() != path.name:
        path.unlink()
        raise Refusal("bad-model", f"{path} is not what was sent")
    return content


def end_predecessor(folder: Path) -> None:
    """Kills the runner of this session that may still be timing for a connection that is gone."""
    pid = folder / _PID
    text = pid.read_text() if pid.exists() else ""
    if text.isdigit() and int(text) != os.getpid() and folder.name in _command_line(int(text)):
        os.kill(int(text), signal.SIGKILL)
    pid.write_text(str(os.getpid()))


def _command_line(pid: int) -> str:
    """Numbers of processes are used again, so that a number alone says nothing."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def tidy(folder: Path) -> None:
    """Removes cut uploads of this session, and sessions of which nothing was heard for a week."""
    for part in folder.glob("*.part"):
        part.unlink()
    for other in folder.parent.iterdir():
        if _SESSION.fullmatch(other.name) and other != folder and time.time() - other.stat().st_mtime > _STALE_S:
            shutil.rmtree(other, ignore_errors=True)


def own_stdout() -> BinaryIO:
    """The real stdout; whatever libraries print from now on goes to stderr."""
    stream = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return stream


def main() -> None:
    """Answers until the other end says goodbye or is gone; files then stay for the next runner of the session."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the command line does where it times by itself
    answers = Answers(own_stdout())
    runner = Runner(Path(sys.argv[0]).resolve().parent, answers)
    try:
        for line in sys.stdin.buffer:
            go_on = runner.answer(json.loads(line))
            answers.flush()
            if not go_on:
                return
    except BrokenPipeError:
        return
