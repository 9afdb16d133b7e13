"""Wires a run: data, runtime, table, learner and exporter into the search, and its result into the report."""

from functools import partial
from pathlib import Path

from nas.bench.bench import Bench
from nas.cli.commands.report import report_result
from nas.cli.options.bench import open_bench
from nas.cli.options.request import (
    NetAdaptOptions,
    RunOptions,
    SearchOptions,
    check_front,
    checked,
    keep_request,
    learner_of,
    processes,
    run_name,
    settings_of,
    targets_of,
)
from nas.cli.running.plans import keep_plan, planned
from nas.cli.running.resolve import with_resolution
from nas.cli.running.tables import card, open_prices
from nas.cli.text.output import emit, log
from nas.cli.text.run_text import Teller, describe_result
from nas.design.files import decode
from nas.design.space import load_space
from nas.errors import InvalidRun, Unreachable
from nas.latency.aim import guard, reach
from nas.latency.table_file.cache import cache_folder
from nas.nets.data.dataset import Data, load_data
from nas.nets.worker import open_worker
from nas.resources import MemoryMeter
from nas.search.block_search.front import search_front
from nas.search.block_search.pareto import Front
from nas.search.pipeline.context import Context, Settings
from nas.search.pipeline.journal import Journal
from nas.search.pipeline.multi_target import netadapt_targets, search_targets
from nas.search.pipeline.pipeline import netadapt, search
from nas.search.pipeline.records import Result, Summary
from nas.search.pipeline.run_folder import open_run
from nas.search.planning.run_plan import TABLE
from nas.search.workers.job_cache import JobCache
from nas.search.workers.pool import open_pool
from nas.ship.exporter import Exporter

_STORED = 256  # pixels that images are stored at, if they have as many and no network needs more
_TABLE_SPACE = "mobilenet_v3_large"  # whose table is built for a network that comes without a space


def run(common: RunOptions, task: SearchOptions | NetAdaptOptions) -> None:
    """Do the whole run and print its result; a run that is finished already is printed again.

    Raises Unreachable, after all else is done and printed, where one of several targets was not met.
    """
    if isinstance(task, SearchOptions) and task.pareto:
        check_front(common, task)
    targets, bench, meter = targets_of(common), open_bench(common.setup), MemoryMeter().start()
    data = load_data(common.data, common.seed, max(_STORED, common.resolution or 0))
    for line in (data.line, *data.notes):
        log(line)
    if isinstance(task, NetAdaptOptions):
        task = checked(task, data)
    folder = common.out or Path("runs") / run_name(common, task, targets, data.name)
    typed = common, task
    common, task = with_resolution(common, task, targets, data, bench, folder)
    settings, made = settings_of(common, task, targets, data), None
    if isinstance(task, SearchOptions):
        settings, data, made = planned(settings, common, task, data, bench, folder, meter)
    with open_run(folder, settings, common.fresh):
        keep_plan(folder, made)
        keep_request(folder, *typed)
        result = _finished(folder, settings) or _work(folder, settings, common, task, data, bench, meter)
    emit(result, common.as_json, describe_result(result, folder))
    if isinstance(result, Summary) and result.missed:
        raise Unreachable(" ".join(one.reason for one in result.missed))


def _finished(folder: Path, settings: Settings) -> Result | Summary | Front | None:
    """What the run ended with; None where there is more to do, be it a target to try again."""
    path = folder / ("front.json" if settings.pareto else "result.json")
    if not path.exists():
        return None
    kind: type[Result | Summary | Front] = Front if settings.pareto else Summary if settings.targets_ms else Result
    found = decode(path.read_bytes(), kind, str(path), InvalidRun)
    if isinstance(found, Summary) and found.missed:
        return None
    log(f"{folder} is finished: this is its result. Start over with --fresh.")
    if not (folder / "report.html").exists():
        report_result(folder)
    return found


def _work(
    folder: Path,
    settings: Settings,
    common: RunOptions,
    task: SearchOptions | NetAdaptOptions,
    data: Data,
    bench: Bench,
    meter: MemoryMeter,
) -> Result | Summary | Front:
    journal = Journal(folder / "journal.jsonl", meter.take_peak_mb)
    journal.enter(TABLE)
    space = task.space if isinstance(task, SearchOptions) else load_space(_TABLE_SPACE)
    prices = open_prices(common.table, space, bench, settings.resolution, folder, common.allow_failed, settings.latency)
    learner = learner_of(settings)
    worker, say = partial(open_worker, learner), Teller()
    with open_pool(processes(common), worker, data, folder / "weights", say, common.ray_address) as pool:
        ctx = Context(
            folder=folder,
            settings=settings,
            class_names=data.classes,
            device=prices.table.header.conditions.device,
            table=card(prices.table),
            notes=data.notes,
            data_description=data.line,
            journal=journal,
            work=JobCache(folder / "weights", journal, pool),
            prices=prices,
            ships=Exporter(data, bench, prices.table, settings.latency),
            say=say,
            guard=guard(prices.table),
            reach=reach(prices.table),
            noise=prices.table.header.validation.floor,
            shelf=cache_folder() / "shared_weights",
            export_steps=common.export_steps,
        )
        result = _search(ctx, task)
    report_result(folder)
    return result


def _search(ctx: Context, task: SearchOptions | NetAdaptOptions) -> Result | Summary | Front:
    if isinstance(task, NetAdaptOptions):
        if ctx.settings.targets_ms:
            return netadapt_targets(ctx, task.architecture, task.weights, report_result)
        return netadapt(ctx, task.architecture, task.weights)
    if task.pareto:
        return search_front(ctx, task.space)
    return search_targets(ctx, task.space, report_result) if ctx.settings.targets_ms else search(ctx, task.space)
