"""`SshBench`: models timed on a board that one can log in to, through lost connections and reboots."""

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nas.bench.bench import TimingSession, conditions_of, own_thread
from nas.bench.boards.board_session import BoardSession, Resilient
from nas.bench.boards.link import Link, Place
from nas.bench.boards.messages import Hello, Question
from nas.bench.boards.ssh import parse_target
from nas.bench.reference import REFERENCE
from nas.device.facts import Facts
from nas.device.models import PROFILED
from nas.errors import NasError
from nas.interfaces import Say, say_nothing
from nas.latency.conditions import Conditions
from nas.runtimes import Runtime

# Seconds before each try to connect again: two minutes, in which a board reboots.
WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0)
FOLDER = ".cache/nas-board"
# What the models of one session may hold on a board.
BOARD_LIMIT_BYTES = 512 << 20
_FOLDER = re.compile(r"/?[A-Za-z0-9_.][A-Za-z0-9_./-]*")


class SshBench:
    """A board: `ssh://USER@HOST[:PORT]`.

    Three variables of the environment tell what `ssh` cannot know: NAS_BOARD_PYTHON the board's Python (`python3`),
    NAS_BOARD_FOLDER a folder there for models, in home unless absolute (`.cache/nas-board`), and NAS_SSH_CONFIG an
    ssh_config file instead of the user's own.
    """

    def __init__(
        self,
        target: str,
        runtime: Runtime,
        gap_ms: float = 0.0,
        say: Say = say_nothing,
        waits_s: Sequence[float] = WAITS_S,
        alive_s: int = 5,
    ) -> None:
        """Connects to nothing yet; raises NasError for a runtime that has no model files, or a wrong target."""
        if runtime.suffix is None:
            raise NasError(
                f"{runtime.name} needs this whole program beside it, so it times on this machine only; "
                "for a board use --runtime onnxruntime, openvino or litert."
            )
        self._login = parse_target(target, os.environ.get("NAS_SSH_CONFIG"), alive_s)
        self.runtime, self.gap_ms, self.limit_bytes = runtime, gap_ms, BOARD_LIMIT_BYTES
        self._say, self._waits_s = say, waits_s
        self._known: Hello | None = None

    @property
    def profiled(self) -> bool:
        """Whether the runtime is one that tells how long each node takes."""
        return self.runtime.name in PROFILED

    def conditions(self) -> Conditions:
        """Of the board and the runtime that it has."""
        hello = self._hello()
        return conditions_of(hello.facts.device, hello.version, self.runtime, self.gap_ms)

    def facts(self) -> Facts:
        """Of the board."""
        self._known = None
        return self._hello().facts

    def library(self) -> str | None:
        """Stamp of the file that runs the models there."""
        return self._hello().library

    @contextmanager
    def open(self, reference: str = REFERENCE) -> Iterator[TimingSession]:
        """Models live in one process on the board; their files go when the session ends."""
        with tempfile.TemporaryDirectory(prefix="nas-board-") as spool:
            connect = self._connector(Path(spool))
            resilient = Resilient(connect, self._known, self._say, self._waits_s)
            try:
                self._known = resilient.link.hello
                yield BoardSession(resilient, Path(spool), self.runtime, reference)
            finally:
                resilient.link.close()

    def _hello(self) -> Hello:
        """What the board said when it was last asked, asking it once."""
        if self._known is None:
            with tempfile.TemporaryDirectory(prefix="nas-board-") as spool:
                link = self._connector(Path(spool))(0)
                link.close()
            self._known = link.hello
        return self._known

    def _connector(self, spool: Path) -> Callable[[int], Link]:
        """Starts a runner of one session: the first, or a further one after the connection was lost."""
        place, question = self._place(), self._question()
        return lambda number: Link(place, question, spool, number)

    def _place(self) -> Place:
        parent = os.environ.get("NAS_BOARD_FOLDER", FOLDER)
        if not _FOLDER.fullmatch(parent):
            raise NasError(f"NAS_BOARD_FOLDER {parent!r} is no folder's name: use letters, digits, '_', '.', '-', '/'.")
        python = os.environ.get("NAS_BOARD_PYTHON", "python3")
        return Place(self._login, python, f"{parent.rstrip('/')}/s-{secrets.token_hex(8)}")

    def _question(self) -> Question:
        runtime = self.runtime
        return Question(runtime.name, runtime.threads, runtime.precision, own_thread(runtime), self.gap_ms)
