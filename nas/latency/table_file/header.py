"""`Header`: the first line of a table file, all that is said about its timings together."""

from typing import Annotated

from msgspec import Meta, Struct

from nas.design.size import Size
from nas.latency.conditions import Conditions
from nas.latency.fingerprint import Anchor, Fingerprint
from nas.latency.prediction.calibrate import Calibration
from nas.latency.quantile import Quantile
from nas.latency.report_card import Validation
from nas.latency.statistic import describe_usual

VERSION = 4
TAG = "nas-latency-table"


class Reference(Struct, frozen=True, forbid_unknown_fields=True):
    """The network every timing is a ratio to.

    `nominal_ms` turns ratios into milliseconds. `call_ms` is what a call of the runtime costs beside the ops: a whole
    network pays it once, so it is taken off every entry and added once to an estimate.
    """

    name: str
    nominal_ms: float
    call_ms: float


class Header(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="format", tag=TAG):
    """What holds for the whole table. `resolutions` are the sizes of the inputs that it covers, rising.

    `statistic` says in words what every number of the table is. `outside` is the report card of published networks that
    the space does not contain, in the order of `outside_names`. `quantiles` turn medians into what slow runs take; a
    table that was imported or is of an older version has neither.
    `drift` is the largest relative change of an anchor between rounds. Every price is multiplied by `scale`: all
    timings stay as they were taken, at the reference's nominal speed, also where the machine has another speed now.
    `origin` says where the timings come from if they were not taken on this device.
    """

    version: int
    conditions: Conditions
    fingerprint: Fingerprint
    space: str
    resolutions: Annotated[tuple[Size, ...], Meta(min_length=1)]
    reference: Reference
    calibration: Calibration
    validation: Validation
    anchors: tuple[Anchor, ...]
    created: str
    contended: bool
    drift: float
    seconds: float
    scale: float = 1.0
    origin: str | None = None
    statistic: str = describe_usual()
    outside: Validation | None = None
    outside_names: tuple[str, ...] = ()
    quantiles: tuple[Quantile, ...] = ()

    @property
    def resolution(self) -> Size:
        """The largest input that it covers."""
        return self.resolutions[-1]
