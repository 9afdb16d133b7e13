"""Do `nas price` and `nas measure` agree? Fresh networks, both commands as a user types them, quiet or beside load.

    python experiments/latency/agreement.py TABLE.jsonl
    python experiments/latency/agreement.py TABLE.jsonl --loaded 1

Random networks of the table's space that its build has not seen, and published networks at widths that no space
contains, each priced and measured once by a process of its own. `--loaded 1` keeps one process computing meanwhile. For
each it prints the price, the clock at the speed of the table and the clock now; then how far the price is from either.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nas.latency.report_card import spearman
from nas.latency.table import read_table

PUBLISHED = ("mobilenet_v3_small", "mobilenet_v3_small-0.75", "mobilenet_v3_large-0.75", "mobilenet_v2-1.25", "mnasnet")
SEED = 2_000_003  # no build or check draws by it


def ask(*words: str) -> Any:
    """The JSON document that a command prints."""
    command = [sys.executable, "-c", "from nas.cli import main; main()", *words, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute all the time."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def networks(space: str, count: int, folder: Path) -> dict[str, str]:
    """Names and what the commands take as ARCH."""
    found = {}
    for number, arch in enumerate(ask("draw", "--space", space, "--count", str(count), "--seed", str(SEED))):
        path = folder / f"{number}.json"
        path.write_text(json.dumps(arch))
        found[f"draw {number}"] = str(path)
    return found | {name: name for name in PUBLISHED}


def compare(table: str, arch: str) -> dict[str, Any]:
    """What both commands say of a network."""
    price = ask("price", arch, "--table", table, "--allow-failed")
    return {**ask("measure", arch, "--table", table), "predicted_ms": price["predicted_ms"]}


def load() -> str:
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def summarise(name: str, found: list[dict[str, Any]]) -> None:
    """Price over clock: at the speed of the table, and now."""
    predicted = np.array([one["predicted_ms"] for one in found])
    for words, key in (("at the table's speed", "nominal_ms"), ("now", "measured_ms")):
        clock = np.array([one[key] for one in found])
        errors = predicted / clock - 1
        print(
            f"{name}, {words}: mean error {np.abs(errors).mean():.1%}, bias {errors.mean():+.1%}, worst "
            f"{np.abs(errors).max():.1%}, within 5 %: {np.mean(np.abs(errors) <= 0.05):.0%}, within 10 %: "
            f"{np.mean(np.abs(errors) <= 0.1):.0%}, rank correlation {spearman(predicted.tolist(), clock.tolist()):.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("table")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--loaded", type=int, default=0)
    chosen = parser.parse_args()
    header = read_table(Path(chosen.table)).header
    card, outside = header.validation, header.outside
    print(f"{header.conditions.runtime} on {header.conditions.device}; {header.statistic}")
    print(f"report card: mean error {card.mape:.1%}, 90 % within {card.q90:.1%}, repeatability {card.floor:.1%}")
    if outside is not None:
        print(f"outside the space: mean error {outside.mape:.1%}, bias {outside.bias:+.1%}, worst {outside.worst:.1%}")
    print(f"{chosen.loaded} busy processes beside it; load average before: {load()}")
    print(f"{'network':<26}{'price':>9}{'clock':>9}{'now':>9}{'error':>8}{'slower':>8}{'moving':>8}")
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder, busy(chosen.loaded):
        for name, arch in networks(header.space, chosen.count, Path(folder)).items():
            one = found[name] = compare(chosen.table, arch)
            print(
                f"{name:<26}{one['predicted_ms']:9.3f}{one['nominal_ms']:9.3f}{one['measured_ms']:9.3f}"
                f"{one['predicted_ms'] / one['nominal_ms'] - 1:+8.1%}{one['slowdown']:8.2f}{one['moving']:8.0%}",
                flush=True,
            )
    print(f"load average after: {load()}")
    summarise("drawn", [one for name, one in found.items() if name not in PUBLISHED])
    summarise("published", [one for name, one in found.items() if name in PUBLISHED])


if __name__ == "__main__":
    main()
