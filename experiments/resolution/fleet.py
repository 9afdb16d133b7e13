"""Many runs beside each other, each an ordinary command; stopped at a time limit, they go on with the next call.

    python experiments/resolution/fleet.py GRAPH.txt --out FOLDER --seconds 560 --jobs 12 --cores 15 13

A line of GRAPH is the name of a run and a command: `nas` or a Python file, and what it takes; {out} is a folder of the
run's own. What is timed is timed on one of the cores given, see on_core.py, and nothing else runs there or on the core
below it. A name that begins with `old-` is run by the package in the folder $OLD. The first lines are begun first.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
import zlib
from pathlib import Path

HERE = Path(__file__).parent
TRIES = 2


def main() -> None:
    asked = parse()
    asked.out.mkdir(parents=True, exist_ok=True)
    lines = [line for line in asked.plan.read_text().splitlines() if line.strip() and not line.startswith("#")]
    waiting = [line for line in lines if not (asked.out / f"{line.split()[0]}.done").exists()]
    ends, running, tries = time.monotonic() + asked.seconds, {}, {}
    while (waiting or running) and time.monotonic() < ends:
        while waiting and len(running) < asked.jobs:
            line = waiting.pop(0)
            tries[line] = tries.get(line, 0) + 1
            running[line] = started(asked, line)
        time.sleep(0.5)
        for line, process in list(running.items()):
            code = process.poll()
            if code is None:
                continue
            del running[line]
            print(f"{time.strftime('%H:%M:%S')} {line.split()[0]}: exit {code}", flush=True)
            if code == 0 or tries[line] == TRIES:
                (asked.out / f"{line.split()[0]}.done").write_text(str(code))
            else:
                waiting.append(line)
    for process in running.values():
        process.terminate()
    time.sleep(4)
    for process in running.values():
        process.kill()
    print(f"unfinished: {' '.join(line.split()[0] for line in [*running, *waiting])}", flush=True)


def started(asked: argparse.Namespace, line: str) -> "subprocess.Popen[bytes]":
    name, *command = shlex.split(line.replace("{out}", str(asked.out / line.split()[0])))
    core = asked.cores[zlib.crc32(name.encode()) % len(asked.cores)]
    old = name.startswith("old-")
    path = os.environ["OLD"] if old else str(HERE.parent.parent)
    clocks = {taken for one in asked.cores for taken in (one, one - 1)}
    others = set(range(os.cpu_count() or 1)) - clocks
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(asked.out / ("home-old" if old else "home")),
           "PYTHONPATH": os.pathsep.join([path, os.environ.get("PYTHONPATH", "")])}  # fmt: skip
    Path(env["HOME"]).mkdir(exist_ok=True)
    log = (asked.out / f"{name}.log").open("ab")
    words = [sys.executable, str(HERE / "on_core.py"), str(core), str(asked.out), *command]
    return subprocess.Popen(
        words,
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
        env=env,
        preexec_fn=lambda: os.sched_setaffinity(0, others),
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("--out", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--seconds", type=float, default=560)
    parser.add_argument("--jobs", type=int, default=12)
    parser.add_argument("--cores", type=int, nargs="+", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
