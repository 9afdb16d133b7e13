"""`Quantile`: how much longer than the median the slow runs of any network take, with a report card of its own."""

from collections.abc import Sequence

from msgspec import Struct

from nas.latency.report_card import Validation


class Quantile(Struct, frozen=True, forbid_unknown_fields=True):
    """This share of runs takes at most `ratio` times the median; from `runs` runs, all networks' together.

    `validation` compares ratio times predicted median with the quantile measured, on held-out networks.
    """

    share: float
    ratio: float
    runs: int
    validation: Validation


def find_quantile(quantiles: Sequence[Quantile], share: float) -> Quantile | None:
    """The quantile of a share; None if it is not among them."""
    return next((one for one in quantiles if one.share == share), None)
