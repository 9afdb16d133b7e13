"""How many evaluations a minute up to a thousand workers give, and who waits for whom, from times recorded here.

    python experiments/scaling/simulate.py

A batch is simulated event by event: the driver asks and prices it, hands jobs out one by one, takes outcomes in and
journals them, one thing at a time; workers need lognormal times. Times are those of `measure.json`. Seeds are fixed, so
the printed table and `simulate.json` come out the same everywhere.
"""

import heapq
import json
import math
import random
from pathlib import Path

from msgspec import Struct

FOLDER = Path(__file__).parent
WORKERS = (1, 2, 8, 32, 100, 300, 1000)
SPREAD = 0.25  # standard deviation of the logarithm of an evaluation's seconds
BATCHES = 100


class Costs(Struct, frozen=True):
    """Seconds an evaluation: of asking and telling, of handing out and taking in, of writing to the disk."""

    ask: float
    hand: float
    disk: float

    @property
    def all(self) -> float:
        return self.ask + self.hand + self.disk


class Way(Struct, frozen=True):
    """How it is done. `batch` 0: as many as there are workers; `ahead`: a batch is asked while another is evaluated;
    `one_write`: the lines of a batch are forced to the disk together."""

    name: str
    seconds: float
    batch: int
    ahead: bool = False
    one_write: bool = False


WAYS = (
    Way("look of 1 s, batches of 4", 1.0, 4),
    Way("look of 1 s, batches of 24", 1.0, 24),
    Way("look of 1 s, batches of 96", 1.0, 96),
    Way("look of 1 s, a batch of the workers", 1.0, 0),
    Way("... one write a batch", 1.0, 0, one_write=True),
    Way("... asked ahead", 1.0, 0, ahead=True),
    Way("... asked ahead, one write a batch", 1.0, 0, ahead=True, one_write=True),
    Way("training of 5 min, batches of 4", 300.0, 4),
    Way("training of 5 min, batches of 24", 300.0, 24),
    Way("training of 5 min, a batch of the workers", 300.0, 0),
)


def recorded() -> Costs:
    """The predictor's driver in batches of 24, the pool with a thousand jobs under way, two lines of the journal."""
    found = json.loads((FOLDER / "measure.json").read_text())
    asked = list(found["driver"]["predictor, batches of 24"].values())
    line = found["journal"]["mean_ms"]
    return Costs(asked[-1] / 1e3, found["pool"]["1000 under way"]["driver_cpu_ms"] / 1e3, 2 * line / 1e3)


def batch_seconds(way: Way, workers: int, costs: Costs, rng: random.Random) -> float:
    """From the first job handed out to the last outcome journalled."""
    size = way.batch or workers
    waiting, idle = size, workers
    hand, write = costs.hand / 2, 0.0 if way.one_write else costs.disk
    now, running = 0.0, list[float]()
    while waiting or running:
        while waiting and idle:
            now += hand
            heapq.heappush(running, now + rng.lognormvariate(math.log(way.seconds), SPREAD))
            waiting, idle = waiting - 1, idle - 1
        now = max(now, heapq.heappop(running)) + hand + write
        idle += 1
    return now + (costs.disk if way.one_write else 0.0)


def simulated(way: Way, workers: int, costs: Costs) -> dict[str, float]:
    """Evaluations a minute, the share of the workers' time that is spent evaluating, and of the driver's."""
    rng, size = random.Random(0), way.batch or workers
    spent = 0.0
    for _ in range(BATCHES):
        evaluating = batch_seconds(way, workers, costs, rng)
        asking = size * costs.ask
        spent += max(asking, evaluating) if way.ahead else asking + evaluating
    rate = 60 * BATCHES * size / spent
    mean = way.seconds * math.exp(SPREAD**2 / 2)
    driver = costs.ask + costs.hand + (0 if way.one_write else costs.disk)
    return {
        "a_minute": float(f"{rate:.3g}"),
        "busy": round(rate / 60 * mean / workers, 3),
        "driver": round(rate / 60 * driver, 3),
    }


def main() -> None:
    costs = recorded()
    most = 60 / costs.all
    print(
        f"driver: {1e3 * costs.ask:.1f} ms an evaluation to ask and tell, {1e3 * costs.hand:.2f} to hand out, "
        f"{1e3 * costs.disk:.1f} to write: at most {most:.0f} evaluations a minute"
    )
    rows = []
    print(f"| evaluations a minute (workers busy) | {' | '.join(map(str, WORKERS))} |")
    for way in WAYS:
        found = {str(workers): simulated(way, workers, costs) for workers in WORKERS}
        rows.append({"way": way.name, "workers": found})
        cells = [f"{row['a_minute']:,g} ({row['busy']:.0%})" for row in found.values()]
        print(f"| {way.name} | {' | '.join(cells)} |")
    told = {
        "costs_ms": {"ask": 1e3 * costs.ask, "hand": 1e3 * costs.hand, "disk": 1e3 * costs.disk},
        "most": round(most),
    }
    (FOLDER / "simulate.json").write_text(json.dumps({**told, "ways": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
