"""A real OpenSSH server on 127.0.0.1 with keys, configuration and folders of its own: a board for tests."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_SERVER = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
# Sends of sftp are refused, cut or counted by a script in its place.
_SFTP = next((path for path in (Path("/usr/lib/openssh/sftp-server"), Path("/usr/libexec/sftp-server")) if path.exists()), None)
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
        self.boot = home / "boot_id"
        self._server: subprocess.Popen[bytes] | None = None
        for key in ("host_key", "user_key", "other_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / key)], check=True)
        self.authorize("user_key")
        self.know("host_key")
        self.script(self.python, f'exec {sys.executable} "$@"')
        self.script(self.sftp, f"exec {_SFTP}")
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
        """Has the board's Python run this before the runner; `zip` is then on its path."""
        patch = self.home / "patch.py"
        head = "import os, pathlib, runpy, signal, sys\nsys.argv.pop(0)\nsys.path.insert(0, sys.argv[0])\n"
        run = 'runpy.run_path(sys.argv[0], run_name="__main__")\n'
        patch.write_text(f"{head}HOME = pathlib.Path({str(self.home)!r})\n{_CUT}{text}\n{run}")
        self.script(self.python, f'exec {sys.executable} {patch} "$@"')

    def configure(self) -> None:
        home = self.home
        (home / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {home}/host_key\nPidFile {home}/sshd.pid\n"
            f"AuthorizedKeysFile {home}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nSubsystem sftp {self.sftp}\nMaxStartups 100\n"
            "UseDNS no\n"
        )
        (home / "ssh_config").write_text(
            f"Host *\n  IdentityFile {home}/user_key\n  IdentitiesOnly yes\n  IdentityAgent none\n"
            f"  UserKnownHostsFile {home}/known_hosts\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
        )

    def start(self) -> None:
        log = self.home / "sshd.log"
        command = [str(_SERVER), "-D", "-f", str(self.home / "sshd_config"), "-E", str(log)]
        self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._server.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"sshd does not start: {log.read_text()}")

    def stop(self) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait()


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
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


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
