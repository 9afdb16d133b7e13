"""The trainings that are compared, by group."""

import functools
from collections.abc import Callable

from msgspec import Struct

from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.known import known

SIDES = 8  # a smaller side is rounded to a multiple of this many pixels


class Phase(Struct, frozen=True):
    """Training at a side in pixels; `share` is that of the epochs.

    `rate` gives the phase a schedule of its own, with a warm-up and a peak of so much of the usual one; None continues
    the schedule that all phases share.
    """

    side: int
    share: float
    rate: float | None = None


class Run(Struct, frozen=True):
    """A training and what identifies it. `tuned` starts from ImageNet weights, with the gentle rate."""

    group: str
    data: str
    network: str
    resolution: int
    epochs: int
    plan: str
    phases: tuple[Phase, ...]
    seed: int
    tuned: bool = False


def fraction_of(resolution: int, ratio: float) -> int:
    return SIDES * round(resolution * ratio / SIDES)


def two_phases(resolution: int, share: float, ratio: float = 0.5) -> tuple[Phase, ...]:
    """Small images, and the last `share` of the epochs at the full side."""
    parts = (Phase(fraction_of(resolution, ratio), 1 - share), Phase(resolution, share))
    return tuple(part for part in parts if part.share > 0)


class Setting(Struct, frozen=True):
    """What the plans are compared on."""

    group: str
    data: str
    network: str
    resolution: int
    epochs: int
    tuned: bool = False

    def run(self, plan: str, phases: tuple[Phase, ...], seed: int, epochs: int | None = None) -> Run:
        return Run(
            self.group, self.data, self.network, self.resolution, epochs or self.epochs, plan, phases, seed, self.tuned
        )


SETTINGS = (
    Setting("photos", "photos", "mobilenet_v3_small-1", 128, 8),
    Setting("lite0", "photos", "efficientnet_lite0-1", 128, 3, tuned=True),
    Setting("fashion", "fashion", "mobilenet_v3_small-1", 64, 4),
)


def shares(setting: Setting, seed: int) -> list[Run]:
    """The trade-off at half the side."""
    wanted = (0.0, 0.1, 0.2, 0.33, 0.5, 1.0)
    return [setting.run(f"share {share} ratio 0.5", two_phases(setting.resolution, share), seed) for share in wanted]


def shorter(setting: Setting, seed: int) -> list[Run]:
    """All epochs at the full side, but fewer: what the same time is worth there."""
    whole = (Phase(setting.resolution, 1.0),)
    return [setting.run(f"all at full, {n} epochs", whole, seed, n) for n in range(1, setting.epochs)]


def variants(setting: Setting, seed: int) -> list[Run]:
    """Other first sides, rising sides, a last phase below R (Touvron et al. 2019), and one with its own schedule."""
    resolution = setting.resolution
    half, most, nearly = (fraction_of(resolution, ratio) for ratio in (0.5, 0.75, 0.875))
    plans = {
        "share 0.2 rising": (Phase(half, 0.6), Phase(most, 0.2), Phase(resolution, 0.2)),
        "share 0.2 last 0.875": (Phase(half, 0.8), Phase(nearly, 0.2)),
        "all at 0.875": (Phase(nearly, 1.0),),
    }
    for share in (0.1, 0.2, 0.33, 0.5):
        for ratio in (0.5, 0.7):
            small, full = Phase(fraction_of(resolution, ratio), 1 - share), Phase(resolution, share, rate=0.5)
            own = f"share {share} own schedule" + (" ratio 0.7" if ratio == 0.7 else "")
            plans[own] = (small, full)
        plans[f"share {share} ratio 0.7"] = two_phases(resolution, share, 0.7)
    return [setting.run(plan, plans[plan], seed) for plan in plans]


def equal_cost(seed: int) -> list[Run]:
    """MobileNetV3-Small at several sides, in the width that costs the MACs of width 1 at 128 pixels."""
    return [
        Run("resolutions", "photos", name, side, 8, f"equal MACs at {side}", two_phases(side, 0.3), seed)
        for side in (128, 64, 192, 96, 160, 48)
        for name in [f"mobilenet_v3_small-{width_at(side):g}"]
    ]


@functools.cache
def width_at(side: int) -> float:
    """The width, in hundredths, whose MACs are nearest."""

    def cost(width: float, resolution: int) -> int:
        return macs(lower(known(f"mobilenet_v3_small-{width}-{resolution}", 20)))

    goal = cost(1.0, 128)
    return min((percent / 100 for percent in range(30, 400)), key=lambda width: abs(cost(width, side) - goal))


def uncut(seed: int) -> list[Run]:
    """EfficientNet-Lite0 with its ImageNet weights at several sides."""
    name = "efficientnet_lite0-1"
    return [
        Run("lite0 sides", "photos", name, side, 3, f"uncut at {side}", two_phases(side, 0.3), seed, tuned=True)
        for side in (128, 64, 96, 160)
    ]


GROUPS: dict[str, Callable[[int], list[Run]]] = {
    **{setting.group: functools.partial(shares, setting) for setting in SETTINGS},
    **{f"{setting.group} variants": functools.partial(variants, setting) for setting in SETTINGS},
    **{f"{setting.group} shorter": functools.partial(shorter, setting) for setting in SETTINGS},
    "resolutions": equal_cost,
    "lite0 sides": uncut,
}
