import random

import pytest

from nas.design.known import known
from nas.design.plan import lower
from nas.latency.calibrate import KINDS, calibrate, kind
from nas.latency.entry import entries, parse_key

TRUE = {"stem": 0.9, "pointwise": 0.7, "depthwise": 0.8, "project": 1.1, "se": 2.0, "head": 1.2, "other": 1.0}


def networks(count: int, rng: random.Random) -> list[dict[str, float]]:
    return [{name: rng.uniform(0.5, 2.0) for name in KINDS if name != "other"} for _ in range(count)]


def times(sums: list[dict[str, float]], factors: dict[str, float]) -> list[float]:
    return [sum(factors[name] * ms for name, ms in row.items()) for row in sums]


def test_a_common_scale_is_recovered_exactly_and_kinds_are_not_used() -> None:
    sums = networks(12, random.Random(0))
    found = calibrate(sums, times(sums, dict.fromkeys(KINDS, 0.8)))
    assert found.model == "scale"
    assert found.factors == pytest.approx(dict.fromkeys(KINDS, 0.8))
    assert found.raw_error == pytest.approx(0.25)  # 1 / 0.8 - 1
    assert found.scale_error == pytest.approx(0, abs=1e-12)


def test_factors_that_differ_by_kind_are_found_as_far_as_the_pull_lets_them() -> None:
    sums = networks(30, random.Random(1))
    found = calibrate(sums, times(sums, TRUE))
    assert found.model == "kinds"
    assert found.kinds_error < 0.5 * found.scale_error
    scale = found.factors["other"]  # no network has any: it stays where the pull comes from
    for name in ("stem", "pointwise", "depthwise", "se"):
        low, high = sorted((scale, TRUE[name]))
        assert low < found.factor(name) < high
    assert found.factor("se") - scale > 0.5 * (TRUE["se"] - scale)


def test_noise_alone_seldom_buys_factors_and_then_does_little_harm() -> None:
    by_kind = 0
    for seed in range(40):
        rng = random.Random(seed)
        sums = networks(20, rng)
        true = times(sums, dict.fromkeys(KINDS, 0.8))
        found = calibrate(sums, [ms * rng.gauss(1, 0.05) for ms in true])
        by_kind += found.model == "kinds"
        assert times(sums, found.factors) == pytest.approx(true, rel=0.1)
    assert by_kind <= 6


def test_the_scale_is_least_squares_in_relative_error() -> None:
    # Shares are 2 and 1: the scale that minimises (2 s - 1)^2 + (s - 1)^2 is 3 / 5.
    found = calibrate([{"se": 2.0}, {"se": 1.0}], [1.0, 1.0])
    assert found.factors["other"] == pytest.approx(0.6)


def test_kinds_of_a_network() -> None:
    kinds = {entry.name: kind(entry) for entry in entries(lower(known("mobilenet_v3_small")))}
    assert kinds["stem"] == "stem"
    assert (kinds["s1b0_expand"], kinds["s1b0_depthwise"], kinds["s1b1_project"]) == (
        "pointwise", "depthwise", "project",
    )  # fmt: skip
    assert (kinds["s0b0_se"], kinds["head_pool"], kinds["head_classifier"]) == ("se", "head", "head")
    assert kind(parse_key("add 8 4")) == "other"
    assert set(kinds.values()) <= set(KINDS)
