"""`nas runtimes`: what can be measured and shipped for on this machine."""

from typing import TYPE_CHECKING

from nas.cli.text.output import Json, emit

if TYPE_CHECKING:
    from nas.runtimes import Status


def runtimes(as_json: Json = False) -> None:
    """List the runtimes: precisions, version, whether usable here, and if not why and what installs them.

    Example: nas runtimes
    """
    from nas.runtimes import statuses

    found = statuses()
    emit(found, as_json, "\n".join(map(_line, found)))


def _line(status: "Status") -> str:
    told = status.version if status.usable else f"not usable: {status.reason}; install it with: {status.install}"
    return f"{status.name:<14}{' and '.join(status.precisions):<18}{told}"
