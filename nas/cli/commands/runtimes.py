"""`nas runtimes`: what can be measured and shipped for on this machine."""

from typing import TYPE_CHECKING

from nas.cli.text.output import Json, emit
from nas.cli.text.tables import table_of

if TYPE_CHECKING:
    from nas.runtimes import Status


def runtimes(as_json: Json = False) -> None:
    """List the runtimes: precisions, version, whether usable here, and if not why and what installs them.

    Example: nas runtimes
    """
    from nas.runtimes import statuses

    found = statuses()
    emit(found, as_json, table_of([_row(status) for status in found]))


def _row(status: "Status") -> dict[str, object]:
    return {
        "runtime": status.name,
        "precisions": status.precisions,
        "usable": status.usable,
        "version, or why not": status.version if status.usable else status.reason,
    }
