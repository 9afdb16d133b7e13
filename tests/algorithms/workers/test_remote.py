"""A worker's two ways: in the run folder, or with copies."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from nas.algorithms.workers.job_cache import Results, job_key
from nas.algorithms.workers.ray_worker import Parcel, Remote, leave_token
from nas.jobs import Job, Outcome, sources
from tests.algorithms.side_worker import judge, outcome, train

Parcels = dict[str, Parcel]


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    place = str(tmp_path_factory.mktemp("temporary"))
    monkeypatch.setattr("nas.algorithms.workers.ray_worker.gettempdir", lambda: place)


class Recording:
    """A worker that keeps the jobs it is given and writes what it read."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def __call__(self, job: Job) -> Outcome:
        self.jobs.append(job)
        job.out.write_text("".join(path.read_text() for path in sources(job).values()) + "+")
        return outcome(job)


@pytest.fixture
def worker() -> Recording:
    return Recording()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    leave_token(tmp_path / "weights", "token")
    return tmp_path / "weights"


def read(reference: Path) -> bytes:
    """Parcels of these tests are files, fetched by reading them."""
    return reference.read_bytes()


def refuse(reference: object) -> bytes:
    raise AssertionError("fetched, though it is there")


def test_in_the_run_folder_nothing_is_fetched_or_returned(folder: Path, worker: Recording) -> None:
    (folder / "a.safetensors").write_text("a")
    job = train(0, folder, folder / "a.safetensors")
    found = Remote(worker, folder, "token", refuse)(job, {"start": Parcel("x", None)})
    assert found == (outcome(job), None)
    assert worker.jobs == [job]
    assert job.out.read_text() == "a+"
    assert Results(folder).find(job_key(job)) == outcome(job)


def test_what_lies_elsewhere_is_fetched_even_there(folder: Path, tmp_path: Path, worker: Recording) -> None:
    (tmp_path / "mine.safetensors").write_text("mine")
    job = train(0, folder, Path("/nowhere/mine.safetensors"))
    Remote(worker, folder, "token", read)(job, {"start": Parcel("x", tmp_path / "mine.safetensors")})
    assert job.out.read_text() == "mine+"


def test_what_a_killed_worker_had_finished_is_not_done_again(folder: Path, worker: Recording) -> None:
    remote, job = Remote(worker, folder, "token", refuse), train(0, folder)
    assert remote(job, {}) == remote(job, {})
    assert len(worker.jobs) == 1
    job.out.unlink()
    remote(job, {})
    assert len(worker.jobs) == 2, "the weights are needed too"
    look = judge(folder, job.out)
    remote(look, {})
    look.out.unlink()
    remote(look, {})
    assert len(worker.jobs) == 3, "a look leaves no weights"


@pytest.mark.parametrize("token", ["token", "another"], ids=["in the run folder", "elsewhere"])
def test_a_refusal_writes_no_weights_and_is_final(token: str, folder: Path, tmp_path: Path) -> None:
    asked = []

    def worker(job: Job) -> Outcome:
        asked.append(job)
        return Outcome.refusal("It diverged.", 1.0)

    leave_token(folder, "token")
    remote, job = Remote(worker, folder, token, read), train(0, folder)
    assert remote(job, {}) == (Outcome.refusal("It diverged.", 1.0), None)
    if token == "token":
        assert remote(job, {})[0].refused
        assert len(asked) == 1


@pytest.mark.parametrize("token", ["another", None], ids=["another run's", "none"])
def test_elsewhere_weights_travel_and_nothing_is_left(
    token: str | None, folder: Path, tmp_path: Path, worker: Recording
) -> None:
    (folder / "driver").unlink() if token is None else leave_token(folder, token)
    (tmp_path / "a.safetensors").write_text("a")
    before = sorted(tmp_path.rglob("*"))
    job = train(0, folder, folder / "a.safetensors")
    remote = Remote(worker, folder, "token", read)
    assert remote(job, {"start": Parcel("x", tmp_path / "a.safetensors")}) == (outcome(job), b"a+")
    assert remote(judge(folder, job.out), {"weights": Parcel("y", tmp_path / "a.safetensors")})[1] is None
    assert sorted(tmp_path.rglob("*")) == before
    assert {job_key(done) for done in worker.jobs} == {job_key(job), job_key(judge(folder, job.out))}
    assert not any(done.out.exists() for done in worker.jobs)


def test_a_copy_stays_where_it_is_and_few_are_kept(
    folder: Path, tmp_path: Path, worker: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.algorithms.workers.ray_worker._COPIES", 4)
    fetched: list[str] = []

    def fetch(reference: str) -> bytes:
        fetched.append(reference)
        return reference.encode()

    remote = Remote(worker, folder, "another", fetch)

    def do(label: str) -> Path:
        job = replace(train(0, folder), start=tmp_path / "same name.safetensors")
        assert remote(job, {"start": Parcel(label, f"content of {label}")})[1] == f"content of {label}+".encode()
        [path] = sources(worker.jobs[-1]).values()
        return path

    first = do("a")
    assert do("a") == first
    assert fetched == ["content of a"]
    paths = {do(label) for label in "bcd"}
    assert do("a") == first
    assert len(fetched) == 4
    do("e")
    assert first.exists()
    assert sum(path.exists() for path in paths) == 2
    home = remote.copies.folder
    assert len(list(home.iterdir())) == 4
    remote.copies.close()
    assert not home.exists()


def test_copies_of_killed_processes_are_deleted(folder: Path, worker: Recording) -> None:
    home = Remote(worker, folder, "another", refuse).copies.folder
    dead = home.with_name("4194305")  # above the highest process id that Linux gives
    dead.mkdir()
    assert Remote(worker, folder, "another", refuse).copies.folder == home
    assert home.exists()
    assert not dead.exists()
