"""Time and memory of data sets that do not fit into memory.

    python experiments/big_data/measure.py make FOLDER      the store of a data set, made anew: time, memory, disk
    python experiments/big_data/measure.py read FOLDER [N]  N images (all) at 128 px in a training's order: rate, memory
    python experiments/big_data/measure.py train FOLDER     V3-Large at 128 px from memory and from the store, in turns
    python experiments/big_data/measure.py draw             memory.svg, of what `make` and `read` noted

Each adds a line to results.jsonl beside this file. Memory is looked at twice a second: `anonymous` is what the process
itself holds, `file` what it has mapped of files at that moment, both in MB. The store is in $NAS_CACHE.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import nas.nets.data.pictures as pictures
from nas.design.graph import lower
from nas.design.known import known
from nas.nets.data.dataset import Data, load_data
from nas.nets.data.image_split import Split
from nas.nets.network import build
from nas.nets.training.batches import placed
from nas.nets.training.loop import TrainingRun, picks, train
from nas.nets.training.optim import optimiser_of
from nas.nets.training.recipe import Recipe

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"
RESOLUTION, BATCH, STEPS = 128, 32, 12


class Meter:
    """The memory of this process, every half second."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int, int]] = []
        self._stop, self._began = threading.Event(), time.monotonic()

    def watch(self) -> None:
        while not self._stop.wait(0.5):
            rows = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
            held = [int(rows[name].split()[0]) // 1024 for name in ("RssAnon", "RssFile")]
            self.samples.append((round(time.monotonic() - self._began, 1), held[0], held[1]))

    def stop(self) -> None:
        self._stop.set()

    def thinned(self, most: int = 200) -> list[tuple[float, int, int]]:
        return self.samples[:: max(1, len(self.samples) // most)]


@contextmanager
def metered() -> Iterator[Meter]:
    meter = Meter()
    thread = threading.Thread(target=meter.watch, daemon=True)
    thread.start()
    try:
        yield meter
    finally:
        meter.stop()
        thread.join()


def note(kind: str, **found: Any) -> None:
    row = {"what": kind, **found, "load": os.getloadavg()[0], "cores": len(os.sched_getaffinity(0))}
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print({name: value for name, value in row.items() if name != "memory"})


def stored(folder: str) -> Data:
    """A data set from its store, however small it is."""
    pictures.MOST_IN_MEMORY = 0
    return load_data(folder, largest=RESOLUTION, say=print)


def make(folder: str) -> None:
    with metered() as meter:
        began, cpu = time.monotonic(), time.process_time()
        data = stored(folder)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    images = sum(len(part) for part in (data.train, data.val, data.test))
    size = sum(path.stat().st_size for path in store_of(data).glob("part-*"))
    note("make", images=images, seconds=seconds, cpu_s=cpu, store_bytes=size, memory=meter.thinned())


def store_of(data: Data) -> Path:
    source: Any = data.train.source
    return Path(source._store.folder)


def read(folder: str, count: int | None = None) -> None:
    split = stored(folder).train
    steps = (count or len(split)) // BATCH
    course = TrainingRun(0, steps, steps, 0.05, RESOLUTION, 0, mirror=True)
    wanted = ((picked, RESOLUTION) for _, picked in picks(split, course, Recipe(batch=BATCH)))
    with metered() as meter:
        began, cpu, seen = time.monotonic(), time.process_time(), 0
        for images in split.stream(wanted):
            seen += len(images)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    note("read", images=seen, of=len(split), seconds=seconds, cpu_s=cpu, rate=seen / seconds, memory=meter.thinned())


def train_steps(split: Split, steps: int) -> tuple[float, float]:
    """Seconds of the wall and of processors that so many steps of V3-Large take, after some that are not timed."""
    network = placed(build(lower(known(f"mobilenet_v3_large-1.0-{RESOLUTION}", classes=10)), seed=0))
    recipe = Recipe(batch=BATCH)
    optimiser = optimiser_of(network, recipe)
    train(network, optimiser, split, TrainingRun(0, 3, 1000, 0.05, RESOLUTION, 0, True), recipe)
    began, cpu = time.monotonic(), time.process_time()
    train(network, optimiser, split, TrainingRun(3, 3 + steps, 1000, 0.05, RESOLUTION, 0, True), recipe)
    return time.monotonic() - began, time.process_time() - cpu


def one(folder: str, where: str) -> None:
    """A process that trains, with one thread: prints the seconds that it took."""
    torch.set_num_threads(1)
    split = stored(folder).train
    if where == "memory":
        some = torch.arange(1024) * (len(split) // 1024)
        split = Split(split.read(some, RESOLUTION), split.labels[some])
    print(*train_steps(split, STEPS))


def processes(folder: str, where: str, count: int) -> dict[str, float]:
    """Images a second of so many processes that train at once, and milliseconds of processors for an image."""
    command = [sys.executable, __file__, "one", folder, where]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    texts = [process.communicate()[0] for process in started]
    found = [[float(word) for word in text.split()[-2:]] for text in texts]
    images = STEPS * BATCH
    return {
        "rate": sum(images / wall for wall, _ in found),
        "cpu_ms": 1000 * sum(cpu for _, cpu in found) / images / count,
    }


def train_in_turns(folder: str) -> None:
    for turn in range(1):
        for count in (1, 2):
            for where in ("memory", "disk"):
                note("train", turn=turn, processes=count, where=where, **processes(folder, where, count))


def draw() -> None:
    """A line for each run's memory over its own time, from none to the largest of all."""
    rows = [row for row in map(json.loads, RESULTS.read_text().splitlines()) if "memory" in row]
    top = max(anonymous + file for row in rows for _, anonymous, file in row["memory"])
    lines = []
    for number, row in enumerate(rows):
        end = row["memory"][-1][0]
        points = " ".join(f"{60 + 600 * t / end:.1f},{300 - 270 * (a + f) / top:.1f}" for t, a, f in row["memory"])
        colour = f"hsl({360 * number // len(rows)}, 70%, 40%)"
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        title = f"{row['what']} {row['images']:,} images, {row['seconds']:.0f} s"
        lines.append(f'<text x="680" y="{40 + 20 * number}" fill="{colour}">{title}</text>')
    axes = '<path d="M60 30V300H660" fill="none" stroke="#888"/>'
    scale = (
        f'<text x="5" y="35">{top} MB</text><text x="40" y="305">0</text><text x="300" y="325">time of the run</text>'
    )
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="960" height="340" font-family="sans-serif" font-size="13">'
    (HERE / "memory.svg").write_text(f"{head}{axes}{scale}{''.join(lines)}</svg>\n")


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {"make": make, "train": train_in_turns, "one": one, "draw": draw}
    name, *given = sys.argv[1:]
    if name == "read":
        read(given[0], int(given[1]) if len(given) > 1 else None)
    else:
        commands[name](*given)
