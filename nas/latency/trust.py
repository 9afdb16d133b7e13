"""Whether a table's own report card allows its use."""

from pathlib import Path

from nas.errors import InvalidTable
from nas.latency.report_card import verdict
from nas.latency.table import LatencyTable


def usable(table: LatencyTable) -> str | None:
    """Why a table should not be used, None where its validation passed."""
    header = table.header
    found = verdict(header.validation, imported=header.origin is not None)
    return None if found == "passed" else f"its validation {found}"


def require_passed(table: LatencyTable, path: Path | str, allow: bool = False) -> None:
    """Raises InvalidTable where the validation failed, unless `allow` (the flag --allow-failed) says to go on."""
    reason = usable(table)
    if reason is not None and not allow:
        raise InvalidTable(
            f"{path}: {reason}. Build it again with 'nas table build' on a quieter machine, "
            "or take it all the same with --allow-failed."
        )


def warn_failed(table: LatencyTable) -> tuple[str, ...]:
    """A warning with the error of a table that failed its validation and is taken all the same; else nothing."""
    reason = usable(table)
    if reason is None:
        return ()
    return (f"The latency table is not to be trusted: {reason}. What is chosen by it may be far from the best.",)
