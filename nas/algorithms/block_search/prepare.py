"""What the searches of one run, for one target or several, have in common; it is made once."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from nas.algorithms.block_search.bands import Bands
from nas.algorithms.block_search.latency_band import PricedSample, draws_within, search_bands, survey
from nas.algorithms.evaluators.by_parameters import ByParameters
from nas.algorithms.evaluators.evaluators import BySharing, ByTraining, Evaluator
from nas.algorithms.evaluators.own import ByOwn
from nas.algorithms.evaluators.supernet_weights import holding_all, shared_bands, shared_weights
from nas.algorithms.pipeline.context import Context
from nas.design.architecture import Architecture
from nas.design.space import SearchSpace


class PreparedSearch(Struct, frozen=True):
    """A space with random networks of it and their prices, and the weights that its networks share, if they do."""

    space: SearchSpace
    drawn: Sequence[PricedSample]
    weights: Path | None = None

    def evaluator(self, ctx: Context) -> Evaluator:
        """Scores architectures for one target."""
        if self.weights is not None:
            return BySharing(ctx, holding_all(ctx, self.space), self.weights)
        if ctx.evaluate is not None:
            return ByOwn(ctx.evaluate)
        return ByParameters() if ctx.settings.evaluator == "zero-cost" else ByTraining(ctx)


def prepare_search(ctx: Context, space: SearchSpace, targets: Sequence[Context]) -> PreparedSearch:
    """Survey the space, and train weights that serve all targets where architectures are scored by such."""
    sharing = ctx.settings.evaluator == "supernet"
    ctx.journal.enter("shared weights" if sharing else "block search")
    drawn = survey(ctx, space)
    if not sharing:
        return PreparedSearch(space, drawn)
    bands = [search_bands(target, drawn) for target in targets]
    wanted = [arch for one in bands for arch in _within(drawn, one)]
    return PreparedSearch(space, drawn, shared_weights(ctx, space, _within(drawn, shared_bands(bands)), wanted))


def _within(drawn: Sequence[PricedSample], bands: Bands) -> list[Architecture]:
    return [one.architecture for one in draws_within(drawn, bands)]
