"""Wires a run: data, runtime, table, learner and exporter into the search, and its result into the report."""

from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from nas.algorithms.block_search.front import search_front
from nas.algorithms.block_search.latency_band import check_budgets
from nas.algorithms.pipeline.context import Context, Settings
from nas.algorithms.pipeline.from_pretrained import search_from
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.multi_target import from_targets, netadapt_targets, search_targets
from nas.algorithms.pipeline.pipeline import netadapt, search
from nas.algorithms.pipeline.result_file import Summary
from nas.algorithms.pipeline.run_folder import open_run
from nas.algorithms.planning.run_plan import TABLE
from nas.algorithms.workers.job_cache import JobCache
from nas.algorithms.workers.pool import open_pool
from nas.api.datasets import Brought, load_given
from nas.api.listener import Listener
from nas.api.options.augment import describe_left_out
from nas.api.options.choices import check_front, for_data, learner_of, processes, run_name, settings_of, targets_of
from nas.api.options.request import RunRequest, keep_request
from nas.api.options.setup import open_bench
from nas.api.options.structs import NetAdaptOptions, SearchOptions
from nas.api.options.subject import NetworkSubject, RunSubject, SpaceSubject, StartsSubject
from nas.api.plugins import Plugins
from nas.api.running.finished import AnyResult, load_result, report_result
from nas.api.running.first_answer import tell_reach
from nas.api.running.plans import keep_plan, planned
from nas.api.running.resolve import size_of_images, with_resolution
from nas.api.running.short_budget import with_evaluator
from nas.api.running.start_plans import planned_start
from nas.api.running.tables import card, open_prices, require_table
from nas.api.running.timed import TimedSay
from nas.bench.bench import Bench
from nas.design.dense.head import DenseHead
from nas.design.space import SearchSpace, load_space, with_dense
from nas.folders import cache_folder
from nas.latency.aim import guard, reach
from nas.latency.trust import warn_failed
from nas.nets.data.dataset import Data
from nas.nets.weights.named import list_pretrained
from nas.nets.worker import open_worker
from nas.resources import MemoryMeter
from nas.ship.exporter import Exporter

_TABLE_SPACE = "mobilenet_v3_large"  # whose table is built for a network that comes without a space


class Running(Struct, frozen=True):
    """What all parts of a run are given: what was asked, what the caller brought, and who is told."""

    options: SearchOptions | NetAdaptOptions
    plugins: Plugins
    listener: Listener
    bench: Bench
    meter: MemoryMeter
    warned: tuple[str, ...] = ()


def run(
    options: SearchOptions | NetAdaptOptions,
    subject: RunSubject,
    home: Path,
    listener: Listener,
    plugins: Plugins | None = None,
    brought: Brought | None = None,
) -> tuple[Path, AnyResult]:
    """Do the whole run; its folder and its result. A run that is finished already gives its result again.

    Where no folder is asked for, it is one in `home`. `brought` is data that is no file.
    """
    plugins = plugins or Plugins()
    if isinstance(options, SearchOptions) and options.pareto:
        check_front(options, plugins)
    targets, meter = targets_of(options), MemoryMeter().start()
    running = Running(options, plugins, listener, open_bench(options, listener.say), meter)
    data = load_given(options, brought, size_of_images(options, subject), listener.say)
    for line in (data.line, *data.notes, *describe_left_out(options.augment_names, data.mirror, data.task)):
        listener.say(line)
    subject = for_data(subject, data, options.head, listener.say)
    if isinstance(subject, SpaceSubject) and data.photos and (known := list_pretrained()):
        listener.say(
            "This search begins with random weights. Pretrained ones are here: --from "
            f"{known[0]} begins with them, which on small sets of photos was worth 15 to 20 points."
        )
    own = {**plugins.names, **({"data": data.name} if brought else {})}
    folder = options.out or home / run_name(options, targets, data.name)
    if options.table is not None and (options.fresh or not (folder / "settings.json").exists()):
        running = replace(running, warned=require_table(options.table, options.allow_failed, listener.say))
    asked = RunRequest(options, subject, own)
    subject = with_resolution(options, subject, targets, data, running.bench, folder, listener.say)
    settings, made = settings_of(options, subject, targets, data, own), None
    if isinstance(options, SearchOptions) and isinstance(subject, SpaceSubject):
        ships = Exporter(data, running.bench, None, settings.latency)
        tell_reach(settings, subject.space, len(data.classes), ships, folder, listener.say)
        options = with_evaluator(settings, options, subject.space, data, running.bench, folder, listener.say)
        settings = settings_of(options, subject, targets, data, own)
    _check_budgets(settings, subject, data)
    if isinstance(options, SearchOptions) and isinstance(subject, SpaceSubject):
        settings, data, made = planned(
            settings, options, subject.space, data, running.bench, folder, meter, listener.say
        )
    if isinstance(options, SearchOptions) and isinstance(subject, StartsSubject):
        settings, data, made = planned_start(
            settings, options, subject, data, running.bench, folder, meter, listener.say
        )
    with open_run(folder, settings, options.fresh):
        keep_plan(folder, made)
        keep_request(folder, asked)
        result = _finished(folder, listener) or _work(running, folder, settings, subject, data)
    return folder, result


def _check_budgets(settings: Settings, subject: RunSubject, data: Data) -> None:
    """Raise Unreachable if a budget allows no network: nothing is measured or trained for a plan then."""
    if isinstance(subject, SpaceSubject):
        check_budgets(settings, subject.space.smallest(settings.resolution, len(data.classes)), shrinks=False)
    elif isinstance(subject, NetworkSubject):
        check_budgets(settings, subject.architecture, shrinks=True)
    elif len(subject.starts) == 1:  # of several those that no budget allows are left out
        check_budgets(settings, subject.starts[0].architecture, shrinks=True)


def _finished(folder: Path, listener: Listener) -> AnyResult | None:
    """What the run ended with; None where there is more to do, be it a target to try again."""
    found = load_result(folder)
    if found is None or (isinstance(found, Summary) and found.missed):
        return None
    listener.say(f"{folder} is finished: this is its result. Start over with --fresh.")
    if not (folder / "report.html").exists():
        report_result(folder, listener.say)
    return found


def _work(running: Running, folder: Path, settings: Settings, subject: RunSubject, data: Data) -> AnyResult:
    options, bench = running.options, running.bench
    journal = Journal(folder / "journal.jsonl", running.meter.take_peak_mb)
    journal.enter(TABLE)
    prices = open_prices(
        options.table,
        choose_table_space(subject),
        bench,
        settings.resolution,
        folder,
        running.listener,
        options.allow_failed,
        options.latency,
        settings.budget_s,
    )
    doubts = warn_failed(prices.table)
    for doubt in doubts:
        if doubt not in running.warned:
            running.listener.say(doubt)
    say = TimedSay(running.listener.say)
    worker = partial(open_worker, learner_of(settings, running.plugins.train))
    with open_pool(processes(options), worker, data, folder / "weights", say, options.ray_address) as pool:
        ctx = Context(
            folder=folder,
            settings=settings,
            class_names=data.classes,
            device=prices.table.header.conditions.device,
            table=card(prices.table),
            notes=(*doubts, *data.notes),
            data_description=data.line,
            journal=journal,
            work=JobCache(folder / "weights", journal, pool),
            prices=prices,
            ships=Exporter(data, bench, prices.table, settings.latency),
            say=say,
            guard=guard(prices.table),
            reach=reach(prices.table),
            noise=prices.table.header.validation.floor,
            shelf=None if running.plugins.train else cache_folder() / "shared_weights",
            export_steps=options.export_steps,
            evaluate=running.plugins.evaluate,
            make_sampler=running.plugins.sampler,
        )
        result = _search(ctx, subject, partial(report_result, say=running.listener.say))
    report_result(folder, running.listener.say)
    return result


def choose_table_space(subject: RunSubject) -> SearchSpace:
    """The space whose table prices a run: its own, else one of networks with a head of the given network's kind."""
    if isinstance(subject, SpaceSubject):
        return subject.space
    arch = subject.architecture if isinstance(subject, NetworkSubject) else subject.starts[0].architecture
    space = load_space(_TABLE_SPACE)
    return with_dense(space, arch.dense.kind) if isinstance(arch.dense, DenseHead) else space


def _search(ctx: Context, subject: RunSubject, done: partial[None]) -> AnyResult:
    several = bool(ctx.settings.targets_ms)
    if isinstance(subject, NetworkSubject):
        if several:
            return netadapt_targets(ctx, subject.architecture, subject.weights, done)
        return netadapt(ctx, subject.architecture, subject.weights)
    if isinstance(subject, StartsSubject):
        return from_targets(ctx, subject.starts, done) if several else search_from(ctx, subject.starts)
    if ctx.settings.pareto:
        return search_front(ctx, subject.space)
    return search_targets(ctx, subject.space, done) if several else search(ctx, subject.space)
