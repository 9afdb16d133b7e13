"""Older versions of the table file, each brought up by one step (the list is in latency_tables/README.md).

A step takes and gives the header as plain JSON values. Entries of all versions so far read alike: what a later version
added to them has a default.
"""

from collections.abc import Callable
from typing import Any

from nas.latency.statistic import OLD
from nas.latency.table_file.header import VERSION

_Document = dict[str, Any]
# The first version whose lines carry checksums.
CHECKED = 2


def upgraded(header: _Document) -> _Document:
    """A header of any known version as one of the newest."""
    for step in _STEPS[header["version"] - 1 :]:
        header = step(header)
    return header


def _from_1(header: _Document) -> _Document:
    """Version 1 knew the device by its one line of conditions, kept no anchors, and had factors by kind alone."""
    calibration = dict(header["calibration"])
    calibration["traits_error"] = calibration.pop("kinds_error", None)
    added = {"fingerprint": {"cpu": header["conditions"]["device"]}, "anchors": [], "drift": 0.0}
    return {**header, "version": 2, **added, "calibration": calibration}


def _from_2(header: _Document) -> _Document:
    """Version 2 was of one resolution."""
    resolution = header["resolution"]
    rest = {name: value for name, value in header.items() if name != "resolution"}
    return {**rest, "version": 3, "resolutions": [resolution]}


def _from_3(header: _Document) -> _Document:
    """Up to version 3 tables held another statistic."""
    return {**header, "version": 4, "statistic": OLD}


_STEPS: tuple[Callable[[_Document], _Document], ...] = (_from_1, _from_2, _from_3)
assert len(_STEPS) == VERSION - 1
