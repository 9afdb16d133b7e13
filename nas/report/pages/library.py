"""The section of the report about the block library of a search from pretrained weights."""

from nas.report.figures.block_scores import block_scores
from nas.report.folder import RunContents
from nas.report.html.markup import Markup, section
from nas.report.html.sheet import embedded


def describe_library(run: RunContents) -> Markup:
    """What each alternative of a block costs and saves; nothing where the run has no library."""
    if not run.block_scores:
        return ""
    count = sum(len(place.alternatives) for place in run.block_scores)
    caption = (
        f"Each of {count} alternatives of {len(run.block_scores)} blocks, trained alone and put in its place: the "
        "change of the loss on the same validation images, with its 95 % interval, and the milliseconds that it saves."
    )
    return section("What may replace the blocks", embedded(block_scores(run.block_scores), "block-scores", caption))
