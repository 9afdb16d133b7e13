"""`price_quantile`: a table that prices what the slow runs of a network take, for targets that are deadlines."""

from msgspec.structs import replace

from nas.errors import InvalidTable
from nas.latency.quantile import find_quantile
from nas.latency.statistic import SHARES, LatencyName, describe_usual
from nas.latency.table import LatencyTable


def price_quantile(table: LatencyTable, latency: LatencyName, where: str) -> LatencyTable:
    """The table whose prices are a quantile of all runs, with the report card of that; "p50" is the table itself.

    Entries stay medians, whose repeatability is kept: what is measured later fits beside them. Raises InvalidTable if
    the table has no such quantile; `where` names the table.
    """
    if latency == "p50":
        return table
    found = find_quantile(table.header.quantiles, SHARES[latency])
    if found is None:
        raise InvalidTable(
            f"{where} has medians only, not what {SHARES[latency]:.0%} of runs keep: it was imported, or built by an "
            "older version. Build a table here with 'nas table build', or leave out --latency."
        )
    header = replace(
        table.header,
        scale=table.header.scale * found.ratio,
        validation=replace(found.validation, floor=table.header.validation.floor),
        statistic=describe_usual(latency),
    )
    return LatencyTable(header, table.timings)
