"""The way to a board: the system's own ssh and sftp, with the user's keys, configuration and known hosts."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from nas.errors import NasError

_TARGET = re.compile(
    r"ssh://(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?"
    r"(?:(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*)|\[(?P<address>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?)\])(?::(?P<port>\d{1,5}))?/?"
)
# More than any answer of a runner, so that whatever is at the other end cannot fill the memory here.
_LONGEST_LINE = 4 << 20
_BY_HAND = "Log in by hand once, {by_hand}, and start again when that works without a question."
# What ssh says, and what helps. Waiting helps with none of these.
_ADVICE = {
    "Host key verification failed": "Check that it is the right machine and accept its key: {by_hand}.",
    "Permission denied": "Only keys are used, never passwords: install yours there with ssh-copy-id. " + _BY_HAND,
    "Could not resolve hostname": "Check the name for typing errors.",
    "subsystem request failed": "Its ssh server offers no sftp: turn on 'Subsystem sftp' in its sshd_config.",
    "Received message too long": "Its login shell prints something: remove that for logins without a terminal.",
    "Bad configuration option": "Correct your ssh configuration.",
    "Bad owner or permissions": "Correct your ssh configuration.",
}
_WAIT = "Check that it is switched on and that its ssh server runs. " + _BY_HAND
# What ssh itself, not what it started, ends with.
LOST = 255
# An sftp whose ssh ends just before it writes dies of that: one refused connection in 300.
_SFTP_LOST = (LOST, -signal.SIGPIPE)


class Lost(NasError):
    """A connection that ended, or could not be made though it may be later."""


class Login(Struct, frozen=True):
    """Who logs in where.

    `config` is an ssh_config file instead of the user's own; a host that is silent for 3 `alive_s` is lost. `shared`
    is a socket through which further logins use the connection of the first: a login costs about a second each.
    """

    host: str
    user: str | None = None
    port: int | None = None
    config: str | None = None
    alive_s: int = 5
    shared: str | None = None

    def __str__(self) -> str:
        """As typed."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ssh://{f'{self.user}@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"

    @property
    def by_hand(self) -> str:
        """The command with which a person logs in."""
        return f"'ssh {self!s}'"

    def ssh(self, command: str, first: bool = False) -> list[str]:
        """Runs a command in the login shell there; the `first` shares its connection with the logins to come."""
        options = [*self._options(first), "-o", "ClearAllForwardings=yes"]
        return ["ssh", *options, "-T", "--", self.host, command]

    def sftp(self) -> list[str]:
        """Takes its commands from stdin and stops at the first that fails."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return ["sftp", *self._options(), "-b", "-", "--", host]

    def _options(self, first: bool = False) -> list[str]:
        named = {
            "User": self.user,
            "Port": self.port,
            "BatchMode": "yes",
            "RemoteCommand": "none",
            "ConnectTimeout": 2 * self.alive_s,
            "ServerAliveInterval": self.alive_s,
            "ServerAliveCountMax": 3,
            "ControlPath": self.shared,
            "ControlMaster": ("yes" if first else "no") if self.shared else None,
            "ControlPersist": "no",
        }
        given = [["-o", f"{name}={value}"] for name, value in named.items() if value is not None]
        return [*(["-F", self.config] if self.config else []), *(part for option in given for part in option)]


def parse_target(target: str, config: str | None = None, alive_s: int = 5) -> Login:
    """The login of `ssh://USER@HOST[:PORT]`, user and port optional; raises NasError for anything else."""
    found = _TARGET.fullmatch(target)
    port = int(found["port"]) if found and found["port"] else None
    if not found or (port is not None and not 0 < port < 65536):
        raise NasError(f"{target!r} is no device: give ssh://USER@HOST or ssh://USER@HOST:PORT, without a password.")
    return Login(found["host"] or found["address"], found["user"], port, config, alive_s)


def put(login: Login, source: Path, names: Sequence[str], folder: str, mark: str, new: bool = False) -> None:
    """Copies files of one folder to another there; a file has its name only once it is whole.

    `mark` makes temporary names that no earlier, cut upload still writes to. `new` demands that the folder is not
    there yet; its parents are made. Raises Lost, or NasError with sftp's reason.
    """
    parents = [folder[:end] for end in range(1, len(folder)) if folder[end] == "/"]
    lines = [f"-mkdir {parent}" for parent in parents] + [f"{'' if new else '-'}mkdir {folder}", f"cd {folder}"]
    for name in names:
        lines += [f"put {name} {name}.{mark}.part", f"rename {name}.{mark}.part {name}"]
    done = _started(login.sftp(), source, "\n".join(lines))
    if done.returncode in _SFTP_LOST:
        raise refused(login, done.stderr)
    if done.returncode:
        raise NasError(
            f"{login} does not take files into {folder} (sftp: {last_line(done.stderr)}). "
            "Free space there, or name a folder that can be written with NAS_BOARD_FOLDER."
        )


def remove(login: Login, folder: str, patience_s: float = 20.0) -> None:
    """Removes a folder there if it can; what stays is removed when the board is used a week later."""
    with contextlib.suppress(subprocess.TimeoutExpired, OSError):
        command = login.ssh(f"rm -rf {shlex.quote(folder)}")
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience_s)


def _started(command: list[str], folder: Path, lines: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=folder, input=lines, capture_output=True, text=True, errors="replace")
    except FileNotFoundError as error:
        raise _no_client(command[0]) from error


class Pipe:
    """A program there, spoken to in JSON lines."""

    def __init__(self, login: Login, command: str) -> None:
        """Starts it; raises NasError where this machine has no ssh."""
        self._login = login
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed in `end`
        try:
            self._process = subprocess.Popen(
                login.ssh(command, first=True), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr
            )
        except FileNotFoundError as error:
            raise _no_client("ssh") from error

    def send(self, request: object) -> None:
        """One line. Where nobody takes it, what was said before the end can still be received."""
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(msgspec.json.encode(request) + b"\n")
                self._process.stdin.flush()

    def receive(self) -> bytes | None:
        """The next line; None at the end. Raises NasError where a line never ends."""
        assert self._process.stdout is not None
        if self._process.stdout.closed:
            return None
        line = self._process.stdout.readline(_LONGEST_LINE)
        if len(line) == _LONGEST_LINE:
            raise NasError(f"{self._login} sends lines without an end; that is not what was started there.")
        return line if line.endswith(b"\n") else None

    def end(self, patience_s: float = 10.0) -> tuple[int, str]:
        """Its exit status and what it wrote to stderr, after killing it if it does not come to an end."""
        if self._stderr.closed:
            return 0, ""
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):  # what could not be sent is lost with the connection
                if stream is not None:
                    stream.close()
        try:
            status = self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._stderr.seek(max(0, os.fstat(self._stderr.fileno()).st_size - 65536))
        with self._stderr:
            return status, self._stderr.read().decode(errors="replace")


def refused(login: Login, stderr: str) -> NasError:
    """Why ssh ended by itself: Lost where trying again may help."""
    for text, advice in _ADVICE.items():
        said = [line for line in stderr.splitlines() if text in line]
        if said:
            return NasError(
                f"{login} cannot be used (ssh: {last_line(said[0])}). {advice.format(by_hand=login.by_hand)}"
            )
    return Lost(f"The connection to {login} failed (ssh: {last_line(stderr)}). {_WAIT.format(by_hand=login.by_hand)}")


def last_line(text: str) -> str:
    """What a program said last, as part of a sentence."""
    lines = [line.strip().rstrip(".") for line in text.splitlines() if line.strip()]
    # What sftp adds to any reason of ssh.
    reasons = [line for line in lines if line != "Connection closed"]
    return (reasons or lines or ["it gave no reason"])[-1].removeprefix("ssh: ")[:300]


def _no_client(program: str) -> NasError:
    return NasError(f"This machine has no {program}; install the OpenSSH client, like: apt install openssh-client")
