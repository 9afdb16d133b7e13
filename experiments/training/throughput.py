"""Images a second of training on two cores: ours, two processes of a thread each, against the plain loop.

    python experiments/training/throughput.py [ROUNDS [NETWORK RESOLUTION]]

Both in turns, in one run, by the wall clock; the ratio is the median over the rounds, in brackets its least and
largest.
The plain loop is one process with torch's default threads and a DataLoader of two workers.
"""

import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

IMAGES, BATCH = 256, 32
NETWORKS = (
    ("mobilenet_v3_large", 64),
    ("mobilenet_v3_small", 64),
    ("mobilenet_v3_large", 112),
    ("mobilenet_v3_small", 112),
)


def main(rounds: str = "3", network: str = "", resolution: str = "") -> None:
    print(f"load average at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, side in [(network, int(resolution))] if network else NETWORKS:
        ours = [Process(our_loop, name, side) for _ in range(2)]
        theirs = [Process(plain_loop, name, side)]
        found: list[tuple[float, float]] = []
        for number in range(int(rounds) + 1):
            pair = rate(ours), rate(theirs)
            if number:  # the first is a warm-up
                found.append(pair)
        for process in (*ours, *theirs):
            process.end()
        ratios = sorted(a / b for a, b in found)
        us, them = (statistics.median(column) for column in zip(*found, strict=True))
        told = f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        print(f"{name:20} {side:4} px   ours {us:6.0f} images/s   plain {them:6.0f} images/s   {told}", flush=True)


class Process:
    """Trains an epoch whenever asked."""

    def __init__(self, loop: Callable[[Connection, str, int], None], name: str, side: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=loop, args=(other, name, side))
        self.process.start()
        self.pipe.recv()

    def end(self) -> None:
        self.pipe.send(None)
        self.process.join()


def rate(processes: list[Process]) -> float:
    began = time.perf_counter()
    for process in processes:
        process.pipe.send("go")
    images: int = sum(process.pipe.recv() for process in processes)
    return images / (time.perf_counter() - began)


def our_loop(pipe: Connection, name: str, side: int) -> None:
    from steps import made, pictures

    from nas.nets.training.batches import placed
    from nas.nets.training.loop import TrainingRun, train
    from nas.nets.training.optim import optimiser_of
    from nas.nets.training.recipe import Recipe
    from nas.nets.worker import prepare_process

    prepare_process()
    recipe, network, split = Recipe(batch=BATCH), placed(made(name)), pictures(side)
    optimiser = optimiser_of(network, recipe)
    course = TrainingRun(0, IMAGES // BATCH, 1000, 0.01, side, 0, mirror=True)
    serve(pipe, lambda: train(network, optimiser, split, course, recipe))


def plain_loop(pipe: Connection, name: str, side: int) -> None:
    from plain import Loop
    from steps import made, pictures

    loop = Loop(made(name), pictures(side), side, BATCH, workers=2)
    steps = loop.steps()
    serve(pipe, lambda: [next(steps) for _ in range(IMAGES // BATCH)])


def serve(pipe: Connection, epoch: Callable[[], object]) -> None:
    pipe.send("ready")
    while pipe.recv() is not None:
        epoch()
        pipe.send(IMAGES)


if __name__ == "__main__":
    main(*sys.argv[1:])
