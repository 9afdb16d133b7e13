"""Hand-written records of a small run, and a page read as a browser's reader would: tables, figures, links."""

from html.parser import HTMLParser
from pathlib import Path

import msgspec
from msgspec.structs import replace

from nas.algorithms.pipeline.records import Finished, Measured, Proposal, Record, Spent, Step, Trial
from nas.algorithms.pipeline.result_file import Baseline, Missed, Result, Summary
from nas.design.architecture import Architecture
from nas.design.cost import macs, params
from nas.design.edits.edit import CutInner, apply
from nas.design.files import write_json
from nas.design.graph import lower
from nas.design.known import known
from nas.jobs import ClassScores, Score
from nas.latency.timing import Estimate, Measurement, PricedPart

FOUND = known("mobilenet_v3_large-0.75-96", classes=2)
NARROWER = apply(FOUND, CutInner(3, 1), 96)
HOSTILE = '</script><img src="https://example.invalid/x.png" onerror="alert(1)">'


def score(accuracy: float) -> Score:
    return Score(accuracy, (accuracy - 0.03, accuracy + 0.02), 0.5, 360)


def clock(measured_ms: float) -> Measurement:
    return Measurement("onnxruntime", measured_ms, 0.98 * measured_ms, 1.1 * measured_ms, 50, False, 0.1, None)


def trial(number: int, predicted_ms: float, state: str, accuracy: float | None) -> Trial:
    made = Trial(
        key=f"trial-{number}",
        number=number,
        architecture=FOUND,
        params=params(lower(FOUND)),
        macs=macs(lower(FOUND)),
        predicted_ms=predicted_ms,
        error_bound_ms=0.5,
        state="complete",
        score=None if accuracy is None else score(accuracy),
        epochs=4.0,
        seconds=10.0,
    )
    return msgspec.convert({**msgspec.to_builtins(made), "state": state}, Trial)


def step(number: int, arch: Architecture, predicted_ms: float) -> Step:
    return Step(f"step-{number}", number, "s3b1.expansion", arch, predicted_ms, score(0.91), "w")


def finished(role: str, name: str, measured_ms: float, accuracy: float) -> Finished:
    ending = role == "ending"
    return Finished(
        key=f"{role}-{name}",
        role="ending" if ending else "baseline",
        name=name,
        architecture=NARROWER,
        params=3_000_000,
        macs=90_000_000,
        predicted_ms=measured_ms - 0.2,
        measurement=clock(measured_ms),
        trained=score(accuracy + 0.01),
        validation=score(accuracy),
        test=score(accuracy),
        by_class=ClassScores((28, 19), (30, 20)),
        model="m",
        weights="w",
        max_output_difference=1e-6,
    )


RECORDS: tuple[Record, ...] = (
    Spent("spent-0", 60.0, "latency table"),
    Spent("spent-1", 20.0, "block search"),
    trial(0, 16.0, "complete", 0.9),
    trial(1, 12.0, "pruned", 0.6),
    trial(2, 30.0, "infeasible", None),
    Spent("spent-2", 10.0, "block search"),
    step(0, FOUND, 16.0),
    Proposal("p", 1, "s3b1.expansion", NARROWER, 14.0, 0.01, (0.0, 0.02), score(0.9), 5.0),
    step(1, NARROWER, 14.0),
    Measured("m", NARROWER, 14.0, clock(14.4)),
    Spent("spent-3", 5.0, "NetAdapt"),
    finished("ending", "scratch", 14.5, 0.93),
    finished("ending", "inherited", 14.5, 0.95),
    finished("baseline", "mobilenet_v3_large-1.2", 14.7, 0.94),
)
ESTIMATE = Estimate(
    14.0,
    0.7,
    (
        PricedPart("stem", "conv 3>16 k3 s2 g1 96 hswish", 464, 995_328, 2.0),
        PricedPart("s0b0_depthwise", "conv 16>16 k3 s1 g16 48 relu", 176, 331_776, 3.0),
        PricedPart("s0b0_project", "conv 16>16 k1 s1 g1 48 linear +add", 288, 589_824, 4.0),
        PricedPart("head_conv", "conv 120>720 k1 s1 g1 3 hswish", 87_840, 777_600, 5.0),
    ),
)


def result(classes: tuple[str, ...] = ("cat", "dog"), data: str = "pets", measured_ms: float = 14.5) -> Result:
    def line(name: str, accuracy: float) -> Baseline:
        interval = (accuracy - 0.03, accuracy + 0.02)
        return Baseline(
            name, 3_000_000, 90_000_000, 14.3, measured_ms, accuracy, interval, 96, accuracy + 0.02, accuracy + 0.01
        )

    return Result(
        target_ms=15.0,
        predicted_ms=14.3,
        error_bound_ms=0.7,
        measured_ms=measured_ms,
        p10_ms=14.2,
        p90_ms=15.9,
        runs=50,
        contended=False,
        floor_ms=0.1,
        nominal_ms=None,
        accuracy=0.95,
        accuracy_ci95=(0.92, 0.97),
        params=3_000_000,
        macs=90_000_000,
        runtime="onnxruntime",
        device="a machine",
        resolution=96,
        trained_accuracy=0.97,
        validation_accuracy=0.96,
        balanced_accuracy=0.93,
        class_accuracies=(0.97, 0.89),
        largest_class_share=0.75,
        data=data,
        data_description="a folder a class; 2 classes.",
        classes=classes,
        seed=0,
        seconds=700.0,
        ending="inherited",
        endings=(line("scratch", 0.93), line("inherited", 0.95)),
        baselines=(line("mobilenet_v3_large-1.2", 0.94),),
        max_output_difference=2e-6,
        table="table.jsonl",
    )


def write_run(folder: Path, records: tuple[Record, ...] = RECORDS, ended: Result | None = None) -> Path:
    """A run folder of these records; with a result it also has the network and its estimate."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "journal.jsonl").write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    if ended is not None:
        write_json(folder / "result.json", ended)
        write_json(folder / "architecture.json", NARROWER)
        write_json(folder / "estimate.json", ESTIMATE)
    return folder


def write_several(folder: Path, met: tuple[float, ...], ended: bool = True) -> Path:
    """A run with targets of 15, 20 and 25 ms of which some have their result by now."""
    write_run(folder, (Spent("spent-0", 60.0, "latency table"), Spent("spent-1", 90.0, "shared weights")))
    (folder / "settings.json").write_text('{"target_ms": 15, "targets_ms": [15, 20, 25]}')
    results = [replace(result(), target_ms=target_ms) for target_ms in met]
    for one in results:
        write_run(folder / f"{one.target_ms:g}ms", ended=one)
    if ended:
        missed = tuple(Missed(ms, f"No network reaches {ms:g} ms.") for ms in (15.0, 20.0, 25.0) if ms not in met)
        write_json(folder / "result.json", Summary(tuple(results), missed, 700.0))
    return folder


class Reader(HTMLParser):
    """What is on a page: tables by id (rows of cell texts, and of cell classes), figures by id, links, words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.marks: dict[str, list[list[str]]] = {}
        self.figures: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.words = ""
        self._table, self._tag = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._tag = tag
        self.tags.add(tag)
        self.links += [value for name, value in values.items() if name in ("src", "href", "srcset", "data", "action")]
        if values.get("class") == "plotly-graph-div":
            self.figures.append(values["id"])
        if tag == "table":
            self._table = values["id"]
            self.tables[self._table], self.marks[self._table] = [], []
        elif tag == "tr":
            self.tables[self._table].append([])
            self.marks[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")
            self.marks[self._table][-1].append(values.get("class", ""))

    def handle_data(self, data: str) -> None:
        if self._tag in ("td", "th", "a"):
            self.tables[self._table][-1][-1] += data.strip("\n").replace("\N{NO-BREAK SPACE}", " ")
        if self._tag not in ("script", "style"):
            self.words += data.replace("\N{NO-BREAK SPACE}", " ")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""
