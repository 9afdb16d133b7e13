"""A session on a board that goes on where it was when the connection is lost or the board reboots."""

import hashlib
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import structs

from nas.bench.bench import Item, content_of
from nas.bench.boards.link import Link
from nas.bench.boards.messages import Hello, ModelMessage
from nas.bench.boards.ssh import Lost
from nas.bench.reference import reference_graph
from nas.device.profile import Profile
from nas.device.turns import Visit
from nas.errors import NasError
from nas.interfaces import Say
from nas.runtimes import Runtime
from nas.runtimes.graphs.random_weights import random_weights

# Starts a runner, given how many the session had before.
Connect = Callable[[int], Link]
# Files sent and loaded together; one model may have more bytes.
_FILES, _BYTES = 64, 32 << 20
# Random numbers in a tensor: zlib looks back four times as far, and a prime number makes every channel another.
_PERIOD, _LEVEL = 2039, 1


class Resilient:
    """The link of a session, replaced by a new one when it is lost."""

    def __init__(self, connect: Connect, known: Hello | None, say: Say, waits_s: Sequence[float]) -> None:
        """Connects; raises NasError where that fails, or where the board is not the one that is `known`."""
        self._connect, self._say, self._waits_s = connect, say, waits_s
        self._waits = iter(waits_s)
        self._runners = 1
        self.link = connect(0)
        try:
            require_same_board(known or self.link.hello, self.link.hello)
        except NasError:
            self.link.close()
            raise

    def progressed(self) -> None:
        """Something new was received: the next loss may be waited for as long as the first."""
        self._waits = iter(self._waits_s)

    def again(self, lost: Lost) -> bool:
        """Connects anew and says whether the board was rebooted; raises NasError after the last try."""
        before, self.link = self.link.hello, self._reconnected(lost)
        require_same_board(before, self.link.hello)
        rebooted = before.facts.boot_id != self.link.hello.facts.boot_id
        self._say("The board was rebooted; this round is taken again." if rebooted else "Connected again.")
        return rebooted

    def _reconnected(self, lost: Lost) -> Link:
        self.link.drop()
        for wait_s in self._waits:
            self._say(f"{lost} Trying again in {wait_s:g} s.")
            time.sleep(wait_s)
            try:
                self._runners += 1
                return self._connect(self._runners - 1)
            except Lost as error:
                lost = error
        raise NasError(f"{lost} No further try is made; entries kept so far stay.") from lost


class BoardSession:
    """The `Session` of a board. The first model is the reference; the others are numbered from 0."""

    def __init__(self, resilient: Resilient, spool: Path, runtime: Runtime, reference: str) -> None:
        """Loads the reference."""
        self._board, self._spool, self._runtime = resilient, spool, runtime
        self._there = set(resilient.link.hello.models)
        self._models: list[ModelMessage] = []
        self._rough_ms: list[float] = []
        self._loaded = 0
        self.add([Item(reference_graph(reference), 1)])

    def add(self, items: Sequence[Item]) -> list[float]:
        """Sends and loads further models; the rough milliseconds of each."""
        first = len(self._models)
        self._models += [self._spooled(item) for item in items]
        while self._loaded < len(self._models):
            try:
                self._catch_up()
            except Lost as lost:
                self._again(lost)
        return self._rough_ms[first:]

    def visits(self, order: Sequence[int]) -> Iterator[Visit]:
        """One whole round: what was received of a cut one is kept unless the board was rebooted in between."""
        taken: list[Visit] = []
        while True:
            seen = {visit.number for visit in taken}
            try:
                self._catch_up()
                for visit in self._board.link.visits([number for number in order if number not in seen]):
                    taken.append(visit)
                    self._board.progressed()
                return iter(taken)
            except Lost as lost:
                if self._again(lost):
                    taken.clear()

    def profile(self, items: Sequence[Item], passes: int = 1) -> Iterator[Profile]:
        """The times of each model's nodes, all models once in each pass; each file is sent once."""
        left = [self._spooled(item) for item in items] * passes
        while left:
            try:
                self._catch_up()
                if left[0].digest not in self._there:
                    self._upload(first_batch(left))
                found = list(self._board.link.profile(left[:1]))
            except Lost as lost:
                self._again(lost)
                continue
            self._board.progressed()
            del left[0]
            yield from found

    def now_s(self) -> float:
        """Seconds since some fixed moment, here."""
        return time.perf_counter()

    def _again(self, lost: Lost) -> bool:
        """A new runner has loaded nothing, but its board may still have files."""
        rebooted = self._board.again(lost)
        self._loaded, self._there = 0, set(self._board.link.hello.models)
        return rebooted

    def _catch_up(self) -> None:
        """Sends and loads what the runner lacks."""
        while self._loaded < len(self._models):
            batch = first_batch(self._models[self._loaded :])
            self._upload(batch)
            for rough_ms in self._board.link.load(batch):
                self._loaded += 1
                if self._loaded > len(self._rough_ms):
                    self._rough_ms.append(rough_ms)
                    self._board.progressed()

    def _upload(self, batch: Sequence[ModelMessage]) -> None:
        missing = {model.digest: model for model in batch if model.digest not in self._there}
        if missing:
            self._board.link.upload(list(missing.values()))
            self._there |= set(missing)

    def _spooled(self, item: Item) -> ModelMessage:
        """The model's file in the spool: sent from there now, and again where a board has lost it."""
        content = content_of(packable(item), self._runtime)
        digest = hashlib.sha256(content).hexdigest()
        packed = zlib.compress(content, _LEVEL)
        (self._spool / digest).write_bytes(packed)
        return ModelMessage(digest, item.readings, len(content), len(packed))


def packable(item: Item) -> Item:
    """The same item; weights that nobody gave repeat a few random numbers, which dense kernels do not notice.

    A table's networks are gigabytes of noise that cannot be compressed; so drawn they shrink to a thirtieth.
    """
    if isinstance(item.model, bytes) or item.weights is not None:
        return item
    drawn = random_weights(item.model)
    weights = {name: np.resize(array.reshape(-1)[:_PERIOD], array.shape) for name, array in drawn.items()}
    return structs.replace(item, weights=weights)


def first_batch(models: Sequence[ModelMessage]) -> list[ModelMessage]:
    """The first of the models that go together; at least one."""
    total = 0
    for count, model in enumerate(models):
        total += model.packed
        if count == _FILES or (count and total > _BYTES):
            return list(models[:count])
    return list(models)


def require_same_board(before: Hello, now: Hello) -> None:
    """Raises NasError where device or runtime have changed: their numbers do not mix."""
    pairs = {
        "the device": (before.facts.device, now.facts.device),
        "the runtime's version": (before.version, now.version),
        "the runtime's library": (before.library, now.library),
    }
    if found := [f"{name} was {old!r}, is {new!r}" for name, (old, new) in pairs.items() if old != new]:
        raise NasError(f"The board has changed: {'; '.join(found)}. Start again, with a new table.")
