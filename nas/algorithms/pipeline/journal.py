"""The run's memory: one line for every finished piece of work, written before anything else depends on it."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from nas.algorithms.pipeline.records import Record, Spent
from nas.errors import InvalidRun, NasError

R = TypeVar("R")
_TICK_S = 20.0


class Journal:
    """An append-only file of records, each found again by its key.

    A line that was being written when the process died is cut back on opening; any other line that does not
    read is an error that names it. One process writes. `take_peak_mb` says how much memory was held at most since it
    was last asked.
    """

    def __init__(self, path: Path, take_peak_mb: Callable[[], int | None] = lambda: None) -> None:
        self.path, self.stage = path, ""
        self._take_peak_mb, self._lent_mb = take_peak_mb, 0
        self._ticked = time.monotonic()
        cut_torn_line(path)
        self.records = read_journal(path)
        self._by_key: dict[tuple[type, str], Record] = {(type(record), record.key): record for record in self.records}

    def find(self, kind: type[R], key: str) -> R | None:
        """The record of this kind and key, if that work is done."""
        found = self._by_key.get((kind, key))
        assert found is None or isinstance(found, kind)
        return found

    def all(self, kind: type[R]) -> list[R]:
        """All records of a kind, in the order in which they were finished."""
        return [record for record in self.records if isinstance(record, kind)]

    def add(self, *records: Record) -> None:
        """Append records and force them to the disk together; one whose key is known is left as it is."""
        self._write(*(record for record in records if (type(record), record.key) not in self._by_key))
        if time.monotonic() - self._ticked > _TICK_S:
            self.tick()

    def seconds(self) -> float:
        """All seconds that were noted, those of killed processes too."""
        return sum(record.seconds for record in self.all(Spent))

    def peaks_mb(self) -> dict[str, int]:
        """Return the most memory in MB that was held at each stage, in the order in which the stages began."""
        return peaks_mb(self.records)

    def lend_peak_mb(self) -> int | None:
        """Return the peak for a journal of a part of this run; it still counts here."""
        peak = self._take_peak_mb()
        self._lent_mb = max(self._lent_mb, peak or 0)
        return peak

    def _peak_mb(self) -> int | None:
        peak, self._lent_mb = max(self._lent_mb, self._take_peak_mb() or 0), 0
        return peak or None

    def tick(self) -> None:
        """Note the seconds since the last note, so that a killed run knows how long it has taken, and with what."""
        now = time.monotonic()
        self._write(Spent(f"spent-{len(self.records)}", now - self._ticked, self.stage, self._peak_mb()))
        self._ticked = now

    def enter(self, stage: str) -> None:
        """Count the seconds from now on to a stage of the run; those before the first stage are nobody's."""
        if self.stage == stage:
            return
        if self.stage:
            self.tick()
        else:
            self._peak_mb()
        self.stage, self._ticked = stage, time.monotonic()

    def _write(self, *records: Record) -> None:
        if not records:
            return
        try:
            with self.path.open("ab") as file:
                file.writelines(msgspec.json.encode(record) + b"\n" for record in records)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NasError(
                f"{self.path}: cannot be written ({error.strerror}). What is finished is kept: "
                "free space and start the same command again."
            ) from error
        self.records.extend(records)
        self._by_key.update({(type(record), record.key): record for record in records})


def peaks_mb(records: Iterable[Record]) -> dict[str, int]:
    """Return the most memory in MB that was held at each stage; stages of which nothing is known are left out."""
    found: dict[str, int] = {}
    for record in records:
        if isinstance(record, Spent) and record.stage and record.peak_mb is not None:
            found[record.stage] = max(found.get(record.stage, 0), record.peak_mb)
    return found


def read_journal(path: Path) -> list[Record]:
    """All whole lines of a journal; a torn last line is left out, any other bad line is an error."""
    if not path.exists():
        return []
    decoder = msgspec.json.Decoder(Record)
    records: list[Record] = []
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InvalidRun(f"{path}: cannot be read ({error.strerror}).") from error
    for number, line in enumerate(lines[:-1], 1):
        try:
            records.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRun(
                f"{path}, line {number}: {error}. The file was changed by hand or damaged: "
                "restore it, or start over with --fresh."
            ) from error
    return records


def cut_torn_line(path: Path) -> None:
    """Cut a file back to its last whole line, so that the next append starts a new one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
