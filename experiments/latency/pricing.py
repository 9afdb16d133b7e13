"""How many networks a second one core draws and prices from a table, beside one dictionary look-up a block.

    python experiments/latency/pricing.py latency_tables/FILE.jsonl

Every line is CPU time of this process over random draws of the table's space, new ones in every pass, with caches that
know all their stages and blocks; the median, the slowest and the fastest of the passes, taken in turns.

- "stages" draws an architecture, walks it (`nas.design.graph.parts`, where every shape is computed) and adds up what
  its stages cost, with the error bound and every op's share: `PriceList`, what a search asks.
- "graph" also lowers it to the whole graph, the input of every graph and module: `lower`, then `PriceList`.
- "op by op" lowers it and prices every op anew: `lower`, then `price`.
- "block keys" is the published way of once-for-all's latency tables, written anew: draw an architecture, follow its
  shapes, and for the stem, every block and the four pieces of the head spell all that matters as one string, look that
  up in a dictionary and take the mean from the dictionary found there. Its entries hold our prices of the same blocks,
  so that the sums are equal, which is checked.
- The lines "alone" leave the drawing out: the networks were drawn before.
"""

import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from nas.design.architecture import Architecture, Block
from nas.design.graph import lower
from nas.design.space import load_space
from nas.latency.prediction.estimate import price
from nas.latency.prediction.price_list import PriceList
from nas.latency.table import LatencyTable, read_table
from nas.latency.timing import Estimate

NETWORKS, PASSES = 5000, 9
Times = dict[str, dict[str, float]]


def block_keys(arch: Architecture) -> Iterator[str]:
    """One string for the stem, each block and each of the four pieces of the head."""
    size = (arch.resolution + 1) // 2
    width = arch.stem.width
    yield spell(f"Conv {arch.stem.activation}", (arch.resolution, arch.resolution, 3), (size, size, width))
    for stage in arch.stages:
        stride = stage.stride
        for block in stage.blocks:
            out = (size - 1) // stride + 1
            yield spell("expanded_conv", (size, size, width), (out, out, stage.width), block, stride)
            size, width, stride = out, stage.width, 1
    yield spell("Conv_1", (size, size, width), (size, size, arch.head.width))
    yield spell("AvgPool2D", (size, size, arch.head.width), (1, 1, arch.head.width))
    if arch.head.hidden is not None:
        yield spell("Conv_2", (1, 1, arch.head.width), (1, 1, arch.head.hidden))
    yield spell("Logits", (1, 1, arch.head.hidden or arch.head.width), (arch.classes,))


def spell(kind: str, taken: Iterable[int], left: Iterable[int], block: Block | None = None, stride: int = 1) -> str:
    words = [kind, "input:" + "x".join(map(str, taken)), "output:" + "x".join(map(str, left))]
    if block is not None:
        words += [
            f"expand:{block.expanded or 0}",
            f"kernel:{block.kernel}",
            f"stride:{stride}",
            f"idskip:{block.residual:d}",
            f"se:{block.se:d}",
            f"hs:{block.activation == 'hswish':d}",
        ]
    return "-".join(words)


def add_blocks(times: Times, arch: Architecture, table: LatencyTable) -> None:
    """What the blocks of a network cost: entries of one block have its node name up to the underscore."""
    keys = list(block_keys(arch))
    if all(key in times for key in keys):
        return
    costs: dict[str, float] = {}
    for part in price(lower(arch), table).parts:
        name = part.name if part.name.startswith("head") else part.name.split("_")[0]
        costs[name] = costs.get(name, 0.0) + part.ms
    times.update({key: {"mean": ms} for key, ms in zip(keys, costs.values(), strict=True)})


def measure(path: Path) -> dict[str, list[float]]:
    """Networks a second of each way, one number a pass."""
    table = read_table(path)
    space, resolution = load_space(table.header.space), table.header.resolution
    prices, call_ms = PriceList(table), table.header.reference.call_ms * table.header.scale
    times: Times = {}

    def draws(number: int) -> Iterator[Architecture]:
        rng = random.Random(number)
        return (space.sample(rng, resolution) for _ in range(NETWORKS))

    def keyed(arch: Architecture) -> float:
        return sum(times[key]["mean"] for key in block_keys(arch)) + call_ms

    def whole(arch: Architecture) -> Estimate:
        lower(arch)
        return prices(arch)

    ways: dict[str, tuple[Callable[[Architecture], object], bool]] = {
        "stages": (prices, True),
        "plan": (whole, True),
        "op by op": (lambda arch: price(lower(arch), table), True),
        "block keys": (keyed, True),
        "stages alone": (prices, False),
        "block keys alone": (keyed, False),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(PASSES + 1):
        drawn = list(draws(number))
        for arch in drawn:
            add_blocks(times, arch, table)
        assert all(abs(keyed(arch) / prices(arch).ms - 1) < 1e-9 for arch in drawn)
        for name, (way, drawing) in ways.items():
            lower.cache_clear()  # a search seldom draws the same network twice
            found[name].append(networks_a_second(way, draws(number) if drawing else drawn))
    return {name: rates[1:] for name, rates in found.items()}


def networks_a_second(way: Callable[[Architecture], object], networks: Iterable[Architecture]) -> float:
    began = time.process_time()
    for arch in networks:
        way(arch)
    return NETWORKS / (time.process_time() - began)


def main(path: Path) -> None:
    header = read_table(path).header
    print(f"{path.name}, {header.space} at {header.resolution} px, Python {platform.python_version()}")
    print(f"{NETWORKS} networks, {PASSES} passes in turns, networks a second a core: median (slowest to fastest)")
    for name, rates in measure(path).items():
        print(f"{name:<17} {statistics.median(rates):8,.0f}  ({min(rates):,.0f} to {max(rates):,.0f})")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
