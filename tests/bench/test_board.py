import os
import random
import re
import signal
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from nas.bench.batches import estimate_bytes, time_items
from nas.bench.bench import Item, LocalBench
from nas.bench.boards.board import SshBench
from nas.bench.boards.board_session import first_batch, packable
from nas.bench.boards.messages import DECODER, ModelMessage, Visited
from nas.bench.boards.ssh import Lost, parse_target, put
from nas.bench.reference import call_plans
from nas.bench.rounds import Schedule, ratios, take_rounds
from nas.bench.tables.build import build_table
from nas.bench.turns import as_round
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.space import HeadChoice, SearchSpace, StageChoice, StemChoice
from nas.device.turns import REFERENCE_NUMBER
from nas.errors import NasError
from nas.latency.prediction.entry import entries
from nas.runtimes import Runtime, open_runtime
from nas.runtimes.graphs.random_weights import random_weights
from tests.bench.sshd import Board, free_port, serving

# A reference that is quickly sent.
TINY = "mobilenet_v3_small-0.35-32"
SMALL = SearchSpace(
    "small",
    StemChoice((16,), ("hswish",)),
    tuple(StageChoice(2, (1, 2), (width,), (3, 5), (2, 3, 4), (False,), ("relu",)) for width in (16, 24, 32)),
    HeadChoice((96,), (128,), ("hswish",)),
)
# Cuts the connection once, in the middle of a round of which some visits have arrived.
CUT_VISITS = """
import time
import nas.device.runner as runner
runner._FLUSH_S = 0
plain = runner.Session.visits
def visits(self, order):
    with (HOME / "orders").open("a") as file:
        print(*order, file=file)
    with (HOME / "pids").open("a") as file:
        print(os.getpid(), file=file)
    for count, visit in enumerate(plain(self, order)):
        yield visit
        if count == 9 and not (HOME / "cut").exists():
            print("Permission denied", file=sys.stderr, flush=True)  # a library's affair, not the login's
            time.sleep(0.2)
            AT_CUT
runner.Session.visits = visits
"""
CUT_PROFILE = """
import nas.device.runner as runner
plain = runner.node_times
asked = []
def node_times(*given):
    asked.append(given)
    if len(asked) == 2:
        cut("cut")
    return plain(*given)
runner.node_times = node_times
"""
# Passes so many bytes on.
SHORT = """
import os
left = 20000
while left:
    left -= os.write(1, os.read(0, left))
"""
# Writes how many networks each runner has loaded beside the reference.
COUNTED = """
import nas.device.runner as runner
plain = runner.Session.visits
def visits(self, order):
    path = HOME / f"held{os.getpid()}"
    path.write_text(str(len(self._subjects)))
    yield from plain(self, order)
runner.Session.visits = visits
"""
BOOT = """
import nas.device.runner as runner
here = runner.facts
runner.facts = lambda: here()._replace(boot_id=(HOME / "boot").read_text())
"""


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    with serving(tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return open_runtime("onnxruntime")


@pytest.fixture(scope="module")
def items() -> list[Item]:
    pieces = {entry.key: entry.as_graph() for entry in entries(lower(known("mobilenet_v3_small-0.5-32")))}
    return [Item(graph, 2) for graph in [*call_plans(), *list(pieces.values())[:22]]]


def bench_of(board: Board, runtime: Runtime, said: list[str] | None = None, alive_s: int = 5) -> SshBench:
    say = (lambda _: None) if said is None else said.append
    return SshBench(board.target, runtime, say=say, waits_s=(0.05, 0.1, 0.2, 0.4), alive_s=alive_s)


def orders(board: Board) -> list[list[int]]:
    """The rounds that runners were asked for."""
    return [[int(number) for number in line.split()] for line in (board.home / "orders").read_text().splitlines()]


def stable(name: str) -> str:
    return re.sub(r"_token_\d+", "", name)


def test_a_table_is_built_on_a_board_as_here(board: Board, runtime: Runtime) -> None:
    bench = bench_of(board, runtime)
    table = build_table(SMALL, bench, None, resolution=32, budget_s=1, held_out=10)
    # The board is this machine, so that its conditions are known from a source of their own.
    assert table.header.conditions == LocalBench(runtime).conditions()
    assert bench.library() == LocalBench(runtime).library()
    assert table.header.validation.count == 10
    assert table.header.validation.spearman > 0.5
    assert table.header.validation.mape < 0.5
    assert list(board.models.iterdir()) == []


def test_a_board_loads_no_more_networks_at_once_than_its_limit_allows(board: Board, runtime: Runtime) -> None:
    bench = bench_of(board, runtime)
    assert bench.limit_bytes == 512 << 20
    items = [Item(lower(known(f"mobilenet_v3_small-{width}-32")), 2) for width in ("0.5", "0.75", "1")]
    sizes = [estimate_bytes(item, runtime) for item in items]
    bench.limit_bytes = estimate_bytes(Item(lower(known(TINY)), 1), runtime) + max(sizes)
    board.patch(COUNTED)
    timed = time_items(bench, items, Schedule(3, 3), random.Random(0), reference=TINY)
    assert [len(ratios(timed.rounds, number)) for number in range(3)] == [3, 3, 3]
    assert [path.read_text() for path in board.home.glob("held*")] == ["1", "1", "1"]


def test_the_same_model_takes_as_long_as_here(board: Board, runtime: Runtime) -> None:
    graphs: list[Graph] = [lower(known(f"mobilenet_v3_small-{width}-64")) for width in ("0.5", "2")]
    with LocalBench(runtime).open(TINY) as here, bench_of(board, runtime).open(TINY) as there:
        for session in (here, there):
            rough = session.add([Item(graph, 4) for graph in graphs])
            (found,) = take_rounds(session, 2, Schedule(1, 1), random.Random(0))
            assert 0 < rough[0] < rough[1]
            assert 0 < found.turns[0].ratio < found.turns[1].ratio


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_connection_repeats_nothing_and_loses_nothing(
    board: Board, runtime: Runtime, items: list[Item], how: signal.Signals
) -> None:
    """Killed, both ends see it at once; frozen, only silence tells, and the old runner must not time beside the new."""
    board.patch(CUT_VISITS.replace("AT_CUT", f'cut("cut", {int(how)})'))
    said: list[str] = []
    numbers = list(range(len(items)))
    with bench_of(board, runtime, said, alive_s=1 if how == signal.SIGSTOP else 5).open(TINY) as session:
        session.add(items)
        for _ in range(2):
            visits = list(session.visits(numbers))
            assert visits[0].number == visits[-1].number == REFERENCE_NUMBER
            assert Counter(visit.number for visit in visits if visit.number != REFERENCE_NUMBER) == Counter(numbers)
            assert set(as_round(visits).turns) == set(numbers)
    first, second, third = orders(board)
    assert first == third == numbers
    assert 0 < len(second) < len(first)
    assert second == first[-len(second) :]
    assert len(said) == 2
    assert "was lost (ssh: " in said[0]
    assert "Trying again in 0.05 s" in said[0]
    assert Counter(board.sent()).most_common(1)[0][1] == 1
    gone = int((board.home / "pids").read_text().split()[0])
    assert not Path(f"/proc/{gone}").exists()


def test_nodes_are_profiled_as_here(board: Board, runtime: Runtime) -> None:
    board.patch(CUT_PROFILE)
    graphs = [lower(known(f"mobilenet_v3_small-{width}-32")) for width in ("0.5", "0.75", "1")]
    items = [Item(graph, 3) for graph in graphs]
    with LocalBench(runtime).open(TINY) as here, bench_of(board, runtime).open(TINY) as there:
        for one, other in zip(here.profile(items, 2), there.profile(items, 2), strict=True):
            # ONNX Runtime numbers what it adds anew in every process.
            assert Counter(stable(name) for name, _ in one.nodes) == Counter(stable(name) for name, _ in other.nodes)
            assert min(ms for _, ms in other.nodes) >= 0
            assert [visit.number for visit in other.reference] == [REFERENCE_NUMBER] * 2
    assert (board.home / "cut").exists()
    assert Counter(board.sent()).most_common(1)[0][1] == 1


def test_a_reboot_is_recognised_and_its_round_taken_again(board: Board, runtime: Runtime, items: list[Item]) -> None:
    (board.home / "boot").write_text("first")
    wiped = f'[path.unlink() for path in pathlib.Path({str(board.models)!r}).glob("*/?*")]'
    board.patch(BOOT + CUT_VISITS.replace("AT_CUT", f'(HOME / "boot").write_text("second"); {wiped}; cut("cut")'))
    said: list[str] = []
    with bench_of(board, runtime, said).open(TINY) as session:
        session.add(items)
        visits = list(session.visits(list(range(len(items)))))
    assert Counter(visit.number for visit in visits if visit.number != REFERENCE_NUMBER) == Counter(range(len(items)))
    assert orders(board) == [list(range(len(items)))] * 2
    assert "rebooted" in said[-1]
    assert set(Counter(board.sent()).values()) == {2}


def test_a_cut_upload_goes_on_with_what_is_missing(board: Board, runtime: Runtime, items: list[Item]) -> None:
    with bench_of(board, runtime).open(TINY) as session:
        once = board.home / "cut"
        short = f"{sys.executable} -c '{SHORT}' | {board.serve}"
        board.serve_files(f"if [ ! -e {once} ]; then touch {once}; {short}; exit; fi")
        assert len(session.add(items)) == len(items)
        assert len(board.sent()) > 2
        (folder,) = board.models.iterdir()
        assert not list(folder.glob("*.part"))
    assert once.exists()
    sent = board.sent()
    assert len(sent) == len(set(sent)) == 1 + len(items)


def test_another_runtime_after_the_cut_is_refused(board: Board, runtime: Runtime, items: list[Item]) -> None:
    newer = 'plain_versions = runner.versions\nif (HOME / "cut").exists(): runner.versions = lambda _: ("9.9", "other")'
    board.patch(CUT_VISITS.replace("AT_CUT", 'cut("cut")') + newer)
    with bench_of(board, runtime).open(TINY) as session:
        session.add(items)
        with pytest.raises(NasError, match=r"The board has changed: the runtime's version was .*, is '9\.9'"):
            session.visits(range(len(items)))
    assert list(board.models.iterdir()) == []


def test_a_board_that_stays_away_is_given_up(board: Board, runtime: Runtime) -> None:
    said: list[str] = []
    with bench_of(board, runtime, said).open(TINY) as session:
        board.stop()
        with pytest.raises(NasError, match=r"127\.0\.0\.1:\d+ failed \(ssh: .*refused\).*No further try"):
            session.visits([])
    assert len(said) == 4


@pytest.mark.parametrize("end", ["exit 255", "kill -PIPE $$"])
def test_an_upload_whose_ssh_has_ended_is_a_lost_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    client = tmp_path / "sftp"
    client.write_text(f"#!/bin/sh\necho 'ssh: connect to host pi port 22: Connection refused' >&2\n{end}\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(Lost, match=r"ssh://pi failed \(ssh: connect to host pi port 22: Connection refused\)"):
        put(parse_target("ssh://pi"), tmp_path, [], "/models", "mark")


def test_what_libraries_print_disturbs_nothing(board: Board, runtime: Runtime, items: list[Item]) -> None:
    board.patch(
        'print("Welcome to the board!", "{}", flush=True)\nimport nas.device.runner as runner\n'
        "plain = runner.open_model\n"
        'runner.open_model = lambda *given: (print("loading"), os.write(1, b"{}\\n"), plain(*given))[2]\n'
    )
    with bench_of(board, runtime).open(TINY) as session:
        assert len(session.add(items)) == len(items)


def refusal(bench: SshBench) -> str:
    with pytest.raises(NasError) as caught:
        bench.conditions()
    return str(caught.value)


def test_where_nobody_listens(board: Board, runtime: Runtime) -> None:
    board.port = free_port()
    text = refusal(SshBench(f"ssh://127.0.0.1:{board.port}", runtime))
    assert "Connection refused" in text
    assert f"'ssh ssh://127.0.0.1:{board.port}'" in text


def test_a_key_that_is_not_taken(board: Board, runtime: Runtime) -> None:
    board.authorize("other_key")
    text = refusal(bench_of(board, runtime))
    assert "Permission denied (publickey)" in text
    assert "ssh-copy-id" in text


@pytest.mark.parametrize("known", [None, "other_key"])
def test_a_host_that_is_not_known(board: Board, runtime: Runtime, known: str | None) -> None:
    board.know(known) if known else (board.home / "known_hosts").write_text("")
    text = refusal(bench_of(board, runtime))
    assert "Host key verification failed" in text
    assert "accept its key" in text


def test_no_sftp(board: Board, runtime: Runtime) -> None:
    board.stop()
    board.configure(sftp=False)
    board.start()
    assert "offers no sftp" in refusal(bench_of(board, runtime))


def test_no_python(board: Board, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_BOARD_PYTHON", "/nowhere/python3")
    text = refusal(bench_of(board, runtime))
    assert "has no /nowhere/python3 (" in text
    assert "not found" in text


def test_an_old_python(board: Board, runtime: Runtime) -> None:
    board.patch('sys.version_info, sys.version = (3, 6, 15), "3.6.15 (default)"')
    assert "has Python 3.6.15; install Python 3.9 or later" in refusal(bench_of(board, runtime))


def test_no_runtime(board: Board, runtime: Runtime) -> None:
    board.patch('sys.modules["onnxruntime"] = None')
    text = refusal(bench_of(board, runtime))
    assert "cannot use onnxruntime" in text
    assert f"{board.python} -m pip install onnxruntime numpy" in text
    assert list(board.models.iterdir()) == []


def test_a_folder_that_cannot_be_made(board: Board, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_BOARD_FOLDER", f"{board.home}/host_key/models")
    text = refusal(bench_of(board, runtime))
    assert "does not take files into" in text
    assert "NAS_BOARD_FOLDER" in text


def test_a_full_disk(board: Board, runtime: Runtime) -> None:
    """A limit on a file's size is what fails a write for every user of a test machine."""
    board.serve_files("trap '' XFSZ", "ulimit -f 128")
    with (
        pytest.raises(NasError, match=r"does not take files.*Free space.*files have \d+\.\d MiB; \d+ MiB were free"),
        bench_of(board, runtime).open(TINY),
    ):
        pass
    assert list(board.models.iterdir()) == []


def test_a_runner_that_the_board_kills(board: Board, runtime: Runtime) -> None:
    board.patch("import nas.device.runner as runner\nrunner.open_model = lambda *_: os.kill(os.getpid(), 9)")
    with pytest.raises(NasError, match="out of memory"), bench_of(board, runtime).open(TINY):
        pass
    assert list(board.models.iterdir()) == []


def test_a_runner_that_stops_by_itself(board: Board, runtime: Runtime) -> None:
    board.patch('import nas.device.runner as runner\nrunner.open_model = lambda *_: sys.exit("no such instruction")')
    with pytest.raises(NasError, match=r"status 1 \(no such instruction\)"), bench_of(board, runtime).open(TINY):
        pass


def test_a_file_that_is_no_model(board: Board, runtime: Runtime) -> None:
    with (
        pytest.raises(NasError, match=r"onnxruntime .* on ssh://.* rejects a model: "),
        bench_of(board, runtime).open(TINY) as session,
    ):
        session.add([Item(b"not a model", 2)])
    assert list(board.models.iterdir()) == []


@pytest.mark.parametrize("ms", ["-0.1", "NaN", "null", '"1"', "1e999"])
def test_a_time_that_is_none_is_no_answer(ms: str) -> None:
    line = '{"type": "visit", "number": 0, "ticks": [[0.5, MS, false]]}'
    assert DECODER.decode(line.replace("MS", "0.5")) == Visited(0, [(0.5, 0.5, False)])
    with pytest.raises(msgspec.MsgspecError):
        DECODER.decode(line.replace("MS", ms))


def test_a_runner_that_answers_nonsense_is_not_believed(board: Board, runtime: Runtime) -> None:
    board.patch(
        "import nas.device.runner as runner\nplain = runner.Session.visits\n"
        "runner.Session.visits = lambda self, order: (v._replace(number=7) for v in plain(self, order))"
    )
    with bench_of(board, runtime).open(TINY) as session, pytest.raises(NasError, match="answers what was not asked"):
        session.visits([])


@pytest.mark.parametrize(
    "target",
    ["", "ssh://", "host", "http://host", "ssh://-oProxyCommand=x", "ssh://a@-b", "ssh://a:secret@b", "ssh://a b",
     "ssh://b:0", "ssh://b:65536", "ssh://b:x", "ssh://b/folder", "ssh://b\n", "ssh://[::1"],
)  # fmt: skip
def test_targets_that_are_none(target: str) -> None:
    with pytest.raises(NasError, match="give ssh://USER@HOST"):
        parse_target(target)


@pytest.mark.parametrize(
    "target", ["ssh://pi", "ssh://me@pi.local:2222", "ssh://a.b-c@10.0.0.7", "ssh://me@[fe80::1%eth0]:22"]
)
def test_targets_are_told_as_they_were_typed(target: str) -> None:
    assert str(parse_target(target)) == target


def test_torch_stays_here() -> None:
    with pytest.raises(NasError, match="torch needs this whole program"):
        SshBench("ssh://pi", open_runtime("torch"))


@pytest.mark.parametrize("folder", ["", "~/models", "a b", "a;b", "$HOME"])
def test_folders_that_a_shell_would_change_are_refused(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("NAS_BOARD_FOLDER", folder)
    with pytest.raises(NasError, match="is no folder's name"):
        SshBench("ssh://pi", runtime).conditions()


def test_without_a_client(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NasError, match="install the OpenSSH client"):
        SshBench("ssh://pi", runtime).conditions()


def test_made_up_weights_compress_and_given_ones_are_left_alone(runtime: Runtime) -> None:
    graph = lower(known("mobilenet_v3_small-1-64"))
    packed = packable(Item(graph, 1))
    content = runtime.encode(graph, packed.weights)
    assert len(content) == len(runtime.encode(graph))
    assert len(zlib.compress(content, 1)) < len(content) / 15
    image = np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32)
    repeated, free = (runtime.compile(graph, weights)(image) for weights in (packed.weights, random_weights(graph)))
    assert len(np.unique(repeated)) > 900
    assert 0.1 < float(repeated.std() / free.std()) < 10  # no layer dies or grows out of bounds
    for item in (Item(graph, 1, random_weights(graph)), Item(content, 1)):
        assert packable(item) is item


def test_models_are_sent_in_batches_of_some_size() -> None:
    def sizes(*mib: int) -> list[int]:
        return [model.packed >> 20 for model in first_batch([ModelMessage("", 1, 0, size << 20) for size in mib])]

    assert sizes(40, 1) == [40]
    assert sizes(20, 12, 1) == [20, 12]
    assert sizes(20, 13) == [20]
    assert len(sizes(*[0] * 100)) == 64
