"""What the searches of one run, for one target or several, have in common; it is made once."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.design.space import SearchSpace
from nas.search.context import Context
from nas.search.evaluators import BySharing, ByTraining, Evaluator
from nas.search.shared import holding_all, shared_band, shared_weights
from nas.search.survey import Drawn, searched, survey
from nas.search.zero_cost import ByParameters


class Ground(Struct, frozen=True):
    """A space with random networks of it and their prices, and the weights that its networks share, if they do."""

    space: SearchSpace
    drawn: Sequence[Drawn]
    weights: Path | None = None

    def evaluator(self, ctx: Context) -> Evaluator:
        """Scores architectures for one target."""
        if self.weights is not None:
            return BySharing(ctx, holding_all(ctx, self.space), self.weights)
        return ByParameters() if ctx.settings.evaluator == "zero-cost" else ByTraining(ctx)


def ground(ctx: Context, space: SearchSpace, targets: Sequence[Context]) -> Ground:
    """Survey the space, and train weights that serve all targets where architectures are scored by such."""
    sharing = ctx.settings.evaluator == "supernet"
    ctx.journal.enter("shared weights" if sharing else "block search")
    drawn = survey(ctx, space)
    if not sharing:
        return Ground(space, drawn)
    bands = [searched(target, drawn) for target in targets]
    wanted = [arch for band in bands for arch in _between(drawn, band)]
    return Ground(space, drawn, shared_weights(ctx, space, _between(drawn, shared_band(bands)), wanted))


def _between(drawn: Sequence[Drawn], band_ms: tuple[float, float]) -> list[Architecture]:
    return [one.architecture for one in drawn if band_ms[0] <= one.predicted_ms <= band_ms[1]]
