"""What the shipped network stands beside: the baselines, its limits, and its own classes."""

from collections.abc import Iterator

from nas.algorithms.budgets import describe_uses
from nas.algorithms.pipeline.result_file import Result
from nas.report.folder import RunContents, RunHeadline
from nas.report.html.markup import Markup, paragraph, section
from nas.report.html.wording import percent
from nas.report.tables import class_table, comparison, unfinished_networks, verdict_text


def describe_baselines(run: RunContents) -> Markup:
    """The shipped network beside the baselines; of an unfinished run, the networks timed so far."""
    if run.result is not None:
        note = paragraph(" ".join(_about_baselines(run.result, run.asked)), "soft")
        return section("Beside the baselines", comparison(run.result), paragraph(verdict_text(run.result)), note)
    return section("Networks timed so far", unfinished_networks(run)) if run.finished else ""


def describe_budgets(result: Result) -> str:
    """A sentence of what the shipped network takes of its limits beside latency; nothing if there are none."""
    return f" Limits: {describe_uses(result.budgets)}." if result.budgets else ""


def describe_classes(run: RunContents) -> Markup:
    """The accuracy of what ships on every class."""
    result = run.result
    if result is None:
        return ""
    if result.task != "classification":
        return section("Class by class", class_table(result))
    note = (
        f"Balanced accuracy, the mean over the classes, is {percent(result.balanced_accuracy)}; always naming the "
        f"largest class would have {percent(result.largest_class_share)}."
    )
    return section("Class by class", class_table(result), paragraph(note, "soft"))


def _about_baselines(result: Result, asked: RunHeadline | None) -> Iterator[str]:
    """What the baselines are, in sentences."""
    started = [row.name.startswith("start-") for row in result.baselines]
    if any(started):
        yield "'start' is the network that NetAdapt began with, at the largest resolution within the target."
    if not all(started):
        yield (
            "Published networks are scaled in width to the measured latency of the network found, as near as their "
            "widths and the clock allow, at its resolution, and trained from scratch by the same recipe."
        )
        if asked and asked.weights:
            yield f"The network found inherits from weights that were given, {asked.weights.rpartition(' ')[0]}."
