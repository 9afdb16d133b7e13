"""A real OpenSSH server on 127.0.0.1 with keys, configuration and folders of its own: a board for tests."""

import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_SERVER = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
# Sends of sftp are refused, cut or counted by a script in its place.
_SFTP = next(
    (path for path in (Path("/usr/lib/openssh/sftp-server"), Path("/usr/libexec/sftp-server")) if path.exists()), None
)
_TOOLS = all(shutil.which(name) for name in ("ssh", "sftp", "ssh-keygen"))


class Board:
    """The server's folder, and the program that the board calls Python."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.target = f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}"
        self.models = home / "models"
        self.python = home / "python"
        self.sftp = home / "sftp"
        self._server: subprocess.Popen[bytes] | None = None
        for key in ("host_key", "user_key", "other_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / key)], check=True)
        self.authorize("user_key")
        self.know("host_key")
        self.script(self.python, f'exec {sys.executable} "$@"')
        self.serve_files()
        self.configure()

    def authorize(self, key: str) -> None:
        """The key that the server takes."""
        (self.home / "authorized_keys").write_text((self.home / f"{key}.pub").read_text())

    def know(self, key: str) -> None:
        """The key that the client expects of the server."""
        public = (self.home / f"{key}.pub").read_text()
        (self.home / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}")

    def script(self, path: Path, *lines: str) -> None:
        path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
        path.chmod(0o755)

    def patch(self, text: str) -> None:
        """Has the board's Python run this before the runner, whose modules it can import."""
        patch = self.home / "patch.py"
        head = "import os, pathlib, runpy, signal, sys\nsys.argv.pop(0)\nsys.path.insert(0, sys.argv[0])\n"
        run = 'runpy.run_path(sys.argv[0], run_name="__main__")\n'
        patch.write_text(f"{head}HOME = pathlib.Path({str(self.home)!r})\n{_CUT}{text}\n{run}")
        self.script(self.python, f'exec {sys.executable} {patch} "$@"')

    def serve_files(self, *before: str) -> None:
        """What sftp talks to, after these lines of a shell; it logs to `sftp.log`."""
        self.script(self.sftp, *before, f"exec {self.serve}")

    @property
    def serve(self) -> str:
        return f"{_SFTP} -e -l INFO 2>>{self.home}/sftp.log"

    def sent(self) -> list[str]:
        """The digests of models that arrived whole, in order."""
        lines = (self.home / "sftp.log").read_text().splitlines()
        names = [line.rpartition("/")[2].strip('"') for line in lines if "rename old" in line]
        return [name for name in names if len(name) == 64]

    def configure(self, sftp: bool = True) -> None:
        home = self.home
        files = f"Subsystem sftp {self.sftp}\n" if sftp else ""
        (home / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {home}/host_key\nPidFile {home}/sshd.pid\n"
            f"AuthorizedKeysFile {home}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\n{files}MaxStartups 100\n"
            "UseDNS no\n"
        )
        (home / "ssh_config").write_text(
            f"Host *\n  IdentityFile {home}/user_key\n  IdentitiesOnly yes\n  IdentityAgent none\n"
            f"  UserKnownHostsFile {home}/known_hosts\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
        )

    def start(self) -> None:
        log, written = self.home / "sshd.log", self.home / "sshd.pid"
        written.unlink(missing_ok=True)
        command = [str(_SERVER), "-D", "-f", str(self.home / "sshd_config"), "-E", str(log)]
        self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        for _ in range(200):
            if written.exists():  # it listens by then
                return
            if self._server.poll() is not None:
                break
            time.sleep(0.02)
        pytest.fail(f"sshd does not start: {log.read_text()}")

    def stop(self) -> None:
        """Ends the server and every connection, those that a test has frozen too."""
        if self._server is not None and self._server.poll() is None:
            children = Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children").read_text().split()
            self._server.terminate()
            self._server.wait()
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)


# Ends the board's end of the connection, as a pulled cable does: `cut(name)` once for each name.
_CUT = """
def server():
    pid = os.getpid()
    while not pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("sshd"):
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid

def cut(name, how=signal.SIGKILL):
    if not (HOME / name).exists():
        (HOME / name).touch()
        os.kill(server(), how)

"""


def free_port() -> int:
    """Below those that systems give to connections going out, so that none takes it meanwhile."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def require_sshd() -> None:
    """Skips where a test machine has no OpenSSH server or client."""
    if _SERVER is None or _SFTP is None or not _TOOLS:
        pytest.skip("no OpenSSH server here; for these tests: apt-get install -y openssh-server openssh-client")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # what the server's package makes when the machine boots


@contextmanager
def serving(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A board that runs, and an environment in which commands find it."""
    require_sshd()
    board = Board(home)
    monkeypatch.setenv("NAS_SSH_CONFIG", str(home / "ssh_config"))
    monkeypatch.setenv("NAS_BOARD_PYTHON", str(board.python))
    monkeypatch.setenv("NAS_BOARD_FOLDER", str(board.models))
    board.start()
    try:
        yield board
    finally:
        board.stop()
