"""`Link`: one runner on a board, what it is asked and what it answers."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec import Struct

from nas.bench.boards.messages import (
    DECODER,
    Answer,
    DoneMessage,
    Failed,
    Hello,
    ModelMessage,
    Profiled,
    Question,
    Rough,
    Visited,
    visit_of,
)
from nas.bench.boards.parcel import parcel
from nas.bench.boards.ssh import LOST, Login, Lost, Pipe, last_line, put, refused, remove
from nas.device.profile import Profile
from nas.device.turns import REFERENCE_NUMBER, Visit
from nas.errors import NasError

_PROGRAM = "runner.zip"
# What login shells may print before the runner is heard.
_GREETINGS = 1000
_LONGEST_SOCKET = 80
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_MISSING, _KILLED, _OUT_OF_MEMORY = 127, 128, 137
# A board that shuts down ends its programs before its network.
_SHUT_DOWN = (_KILLED + 1, _KILLED + 15)
_PACKAGES = {"litert": "ai-edge-litert"}


class Place(Struct, frozen=True):
    """Where runners work on a board: its Python, and this session's folder there, in home unless absolute."""

    login: Login
    python: str
    folder: str


class Link:
    """A runner that answers until `close`. Every method raises Lost where the connection ends."""

    def __init__(self, place: Place, question: Question, spool: Path, number: int) -> None:
        """Sends and starts the program, the session's first (0) or a further one; raises NasError where it cannot run.

        `spool` is the folder here that models are sent from.
        """
        login = msgspec.structs.replace(place.login, shared=_socket(spool / f"ssh-{number}"))
        place = msgspec.structs.replace(place, login=login)
        self._place, self._question, self._spool, self._mark = place, question, spool, str(number)
        (spool / _PROGRAM).write_bytes(parcel())
        put(login, spool, [_PROGRAM], place.folder, self._mark, new=number == 0)
        # The shell outlives Python and says how that ended; without it a killed Python looks like a lost connection.
        start = f"{shlex.quote(place.python)} {shlex.quote(f'{place.folder}/{_PROGRAM}')}; exit $?"
        self._in = False
        self._pipe = Pipe(login, f"sh -c {shlex.quote(start)}")
        try:
            self.hello = self._hello()
        except BaseException:
            if number == 0:
                self.close()
            self.drop()
            raise

    def upload(self, models: Sequence[ModelMessage]) -> None:
        """Sends files of the spool; raises NasError with the space left where they are not taken."""
        try:
            put(self._place.login, self._spool, [model.digest for model in models], self._place.folder, self._mark)
        except Lost:
            raise
        except NasError as error:
            size, free = sum(model.packed for model in models) / 2**20, self.hello.free_bytes / 2**20
            raise NasError(f"{error} (These files have {size:.1f} MiB; {free:.0f} MiB were free at first.)") from error

    def load(self, models: Sequence[ModelMessage]) -> Iterator[float]:
        """The rough milliseconds of each, 0 for the reference."""
        wanted = [(model.digest, model.size, model.readings) for model in models]
        left = len(models)
        for answer in self._ask({"do": "load", "models": wanted}):
            if not isinstance(answer, Rough) or not left:
                self._nonsense()
            left -= 1
            yield answer.ms
        if left:
            self._nonsense()

    def visits(self, order: Sequence[int]) -> Iterator[Visit]:
        """One round."""
        expected = {REFERENCE_NUMBER, *order}
        for answer in self._ask({"do": "visits", "order": order}):
            if not isinstance(answer, Visited) or answer.number not in expected:
                self._nonsense()
            yield visit_of(answer.number, answer.ticks)

    def profile(self, models: Sequence[ModelMessage]) -> Iterator[Profile]:
        """The times of the nodes of each, over its number of readings."""
        wanted = [(model.digest, model.size, model.readings) for model in models]
        for answer in self._ask({"do": "profile", "models": wanted}):
            if not isinstance(answer, Profiled):
                self._nonsense()
            before, after = answer.reference
            yield Profile(answer.nodes, (visit_of(*before), visit_of(*after)))

    def close(self) -> None:
        """Ends the session and removes its files, however things stand."""
        try:
            for _ in self._ask({"do": "bye"}):
                self._nonsense()
        except NasError:
            remove(self._place.login, self._place.folder)
        self._pipe.end()

    def drop(self) -> None:
        """Ends the connection; the files stay for the next runner of the session."""
        self._pipe.end(0)

    def _hello(self) -> Hello:
        request = {"do": "hello", **msgspec.structs.asdict(self._question)}
        answers = list(self._ask(request, greetings=_GREETINGS))
        if len(answers) != 1 or not isinstance(answers[0], Hello):
            self._nonsense()
        self._in = True
        return answers[0]

    def _ask(self, request: object, greetings: int = 0) -> Iterator[Answer]:
        """The answers up to the last; raises the error that an answer tells. Skips so many lines of others."""
        self._pipe.send(request)
        while True:
            line = self._pipe.receive()
            if line is None:
                raise self._ended()
            try:
                answer = DECODER.decode(line)
            except msgspec.MsgspecError:
                greetings -= 1
                if greetings < 0:
                    self._nonsense()
                continue
            if isinstance(answer, DoneMessage):
                return
            if isinstance(answer, Failed):
                raise self._refused(answer)
            yield answer

    def _nonsense(self) -> NoReturn:
        raise NasError(f"The program on {self._place.login} answers what was not asked: is another writing to it?")

    def _refused(self, error: Failed) -> NasError:
        """The sentence of an error that the runner tells."""
        login, runtime = self._place.login, self._question.runtime
        if error.kind == "python-old":
            return NasError(f"{login} has Python {error.text}; {_PYTHON}")
        if error.kind == "runtime-missing":
            package = _PACKAGES.get(runtime, runtime)
            return NasError(
                f"{login} cannot use {runtime} ({error.text}). Install it there: "
                f"{self._place.python} -m pip install {package} numpy"
            )
        if error.kind == "bad-model":
            return Lost(f"{login}: {error.text}.")
        version = self.hello.version
        return NasError(f"{runtime} {version} on {login} rejects a model: {error.text}.")

    def _ended(self) -> NasError:
        """Why the runner is gone."""
        status, stderr = self._pipe.end()
        login, said = self._place.login, last_line(stderr)
        if status == LOST:
            # Once logged in nothing is refused any more, whatever words libraries have written there.
            return Lost(f"The connection to {login} was lost (ssh: {said}).") if self._in else refused(login, stderr)
        if status == _MISSING:
            return NasError(f"{login} has no {self._place.python} ({said}); {_PYTHON}")
        if status == _OUT_OF_MEMORY:
            return NasError(f"{login} killed the runner, as a board does that is out of memory. Close programs there.")
        if status <= 0 or status in _SHUT_DOWN:
            return Lost(f"{login} ended the runner.")
        return NasError(
            f"The runner on {login} stopped with status {status} ({said}). Is its {self._question.runtime} whole?"
        )


def _socket(path: Path) -> str | None:
    """The path where ssh takes it for a socket: short, as it adds a few letters, and without signs that it expands."""
    return str(path) if len(str(path)) < _LONGEST_SOCKET and _PLAIN.fullmatch(str(path)) else None


_PYTHON = "install Python 3.9 or later there, or name one that it has with NAS_BOARD_PYTHON."
