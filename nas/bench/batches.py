"""Models timed in batches that fit a limit of memory, each batch in a session of its own beside the reference."""

import random
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from nas.bench.bench import Bench, Item, TimingSession
from nas.bench.reference import REFERENCE, reference_graph
from nas.bench.rounds import Progress, Schedule, silent, take_rounds
from nas.bench.turns import Round, Turn
from nas.design.cost import params
from nas.design.graph import Graph
from nas.design.op import Conv
from nas.design.size import area
from nas.runtimes import Runtime

# How often a runtime holds a network's weights, measured on eight large networks: ONNX Runtime 2.0 times, LiteRT and
# OpenVINO 2.6 times, as read and as packed for its kernels.
_COPIES = 2.6
# What a session holds whatever its network, in bytes.
_FIXED = 1 << 20
# Anchors that fill more than this share of the limit are not loaded in every batch.
_ANCHORS = 0.25
# Models loaded at once, so that a person sees that it goes on.
_AT_ONCE = 32


class Timed(Struct, frozen=True):
    """Rounds over the subjects, and when loading them began and timing them ended, in seconds of the bench's clock.

    A round visits the subjects of one batch; each subject has rounds of its own, an anchor those of every batch.
    """

    rounds: list[Round]
    began_s: float
    ended_s: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended_s - self.began_s


def time_items(
    bench: Bench,
    items: Sequence[Item],
    schedule: Schedule,
    rng: random.Random,
    progress: Progress = silent,
    anchors: Sequence[int] = (),
    reference: str = REFERENCE,
    first: int = 0,
    what: str = "preparing whole networks",
) -> Timed:
    """Takes rounds over all items, in as few batches as fit the bench's limit of memory.

    Subjects are numbered from `first` on; `anchors` are places among the items. Seconds of the schedule that a batch
    leaves over are the next one's.
    """
    batches = split_items(bench, items, anchors, reference)
    rounds: list[Round] = []
    began = ended = None
    for done, batch in enumerate(batches):
        with bench.open(reference) as session:
            start = session.now_s()
            began = start if began is None else began
            share_s = (schedule.budget_s - (start - began)) / (len(batches) - done)
            _load(session, [items[place] for place in batch], what, progress)
            left = replace(schedule, budget_s=share_s - (session.now_s() - start))
            inner = [batch.index(place) for place in anchors if place in batch]
            found = take_rounds(session, len(batch), left, rng, progress, inner)
            ended = session.now_s()
        rounds += [_renumber(one, [first + place for place in batch]) for one in found]
    return Timed(rounds, began or 0.0, ended or 0.0)


def split_items(
    bench: Bench, items: Sequence[Item], anchors: Sequence[int] = (), reference: str = REFERENCE
) -> list[list[int]]:
    """The places of all items in batches that fit, each beside the reference, into the bench's limit of memory."""
    sizes = [estimate_bytes(item, bench.runtime) for item in items]
    return split(sizes, bench.limit_bytes - estimate_bytes(_only(reference_graph(reference)), bench.runtime), anchors)


def estimate_peak_bytes(bench: Bench, graphs: Sequence[Graph], anchors: Sequence[int] = ()) -> int:
    """About how much memory timing these networks takes where they run: their largest batch and the reference."""
    items = [_only(graph) for graph in graphs]
    sizes = [estimate_bytes(item, bench.runtime) for item in items]
    largest = max(sum(sizes[place] for place in batch) for batch in split_items(bench, items, anchors))
    return largest + estimate_bytes(_only(reference_graph()), bench.runtime)


def _only(graph: Graph) -> Item:
    return Item(graph, 1)


def split(sizes: Sequence[int], limit: float, anchors: Sequence[int] = ()) -> list[list[int]]:
    """The places of all sizes in as few batches as fit the limit, dealt in turn, so that batches are alike.

    Anchors are in every batch unless they fill a good part of the limit alone. A batch may hold one item that is too
    large by itself.

    >>> split([3, 3, 3, 3, 3], 9)
    [[0, 2, 4], [1, 3]]
    """
    everywhere = list(anchors) if sum(sizes[place] for place in anchors) <= _ANCHORS * limit else []
    room = limit - sum(sizes[place] for place in everywhere)
    others = [place for place in range(len(sizes)) if place not in everywhere]
    count = 1
    while count < len(others) and max(sum(sizes[place] for place in others[i::count]) for i in range(count)) > room:
        count += 1
    return [sorted([*everywhere, *others[i::count]]) for i in range(count)]


def estimate_bytes(item: Item, runtime: Runtime) -> int:
    """About how much memory a session of this model holds: its weights as often as a runtime does, its activations."""
    if isinstance(item.model, bytes):
        return _FIXED + int(_COPIES * len(item.model))
    each = 1 if runtime.precision == "int8" else 4
    weights = _COPIES * params(item.model) + 2 * runtime.batch * _largest_map(item.model)
    return _FIXED + int(each * weights)


def _largest_map(graph: Graph) -> int:
    """The most numbers that an activation of the network has."""
    convs = [node.op for node in graph.nodes if isinstance(node.op, Conv)]
    return max((op.out_width * area(op.out_size) for op in convs), default=0)


def _load(session: TimingSession, items: Sequence[Item], what: str, progress: Progress) -> None:
    for start in range(0, len(items), _AT_ONCE):
        progress(what, start, len(items))
        session.add(items[start : start + _AT_ONCE])


def _renumber(found: Round, numbers: Sequence[int]) -> Round:
    turns = {numbers[place]: _numbered(turn, numbers[place]) for place, turn in found.turns.items()}
    return Round(turns, found.reference)


def _numbered(turn: Turn, number: int) -> Turn:
    return replace(turn, visit=turn.visit._replace(number=number))
