import random

import pytest

from nas.design.graph import lower
from nas.design.known import known
from nas.latency.prediction.calibrate import ALL, Calibration, calibrate, kind, traits
from nas.latency.prediction.entry import Entry, entries, parse_key

KEYS = (
    "conv 3>16 k3 s2 g1 64 relu", "conv 16>64 k1 s1 g1 32 relu", "conv 64>64 k3 s1 g64 32 relu", "se 64>16 32",
    "conv 64>16 k1 s1 g1 32 linear +add", "pool 16 8", "linear 16>10 linear",
)  # fmt: skip
PIECES = [parse_key(key) for key in KEYS]
TRUE = {ALL: 0.8, "stem": 0.6, "depthwise": 0.9, "se": 2.0, "project": 1.2}


def networks(count: int, rng: random.Random) -> list[list[Entry]]:
    """Of every piece a few."""
    return [[piece for piece in PIECES for _ in range(rng.randint(1, 5))] for _ in range(count)]


BARE = {key: 0.5 + 0.25 * number for number, key in enumerate(KEYS)}


def times(graphs: list[list[Entry]], factors: dict[str, float]) -> list[float]:
    told = Calibration(factors, "traits", 1, 0, 0, 0)
    return [sum(told.factor(piece) * BARE[piece.key] for piece in graph) for graph in graphs]


def test_a_common_scale_is_recovered_exactly_and_traits_are_not_used() -> None:
    graphs = networks(12, random.Random(0))
    found = calibrate(graphs, BARE, times(graphs, {ALL: 0.8}))
    assert found.model == "scale"
    assert found.factors == pytest.approx({ALL: 0.8})
    assert found.raw_error == pytest.approx(0.25)  # 1 / 0.8 - 1
    assert found.scale_error == pytest.approx(0, abs=1e-12)


def test_factors_that_differ_by_trait_are_found() -> None:
    graphs = networks(40, random.Random(1))
    found = calibrate(graphs, BARE, times(graphs, TRUE))
    assert found.model == "traits"
    assert found.traits_error < 0.2 * found.scale_error
    fresh = networks(50, random.Random(2))
    assert times(fresh, found.factors) == pytest.approx(times(fresh, TRUE), rel=0.02)


def test_noise_alone_seldom_buys_factors_and_then_does_little_harm() -> None:
    bought = 0
    for seed in range(20):
        rng = random.Random(seed)
        graphs = networks(20, rng)
        true = times(graphs, {ALL: 0.8})
        found = calibrate(graphs, BARE, [ms * rng.gauss(1, 0.05) for ms in true])
        bought += found.model == "traits"
        assert times(graphs, found.factors) == pytest.approx(true, rel=0.1)
    assert bought <= 3


def test_the_scale_is_least_squares_in_relative_error() -> None:
    # Bare times are 2 and 1 of what was measured: the scale that minimises (2 s - 1)^2 + (s - 1)^2 is 3 / 5.
    pool = parse_key("pool 16 8")
    found = calibrate([[pool, pool], [pool]], {pool.key: 1.0}, [1.0, 1.0])
    assert found.factors[ALL] == pytest.approx(0.6)


def test_a_factor_is_the_product_over_traits() -> None:
    def factor(factors: dict[str, float], key: str) -> float:
        return Calibration(factors, "traits", 9, 0.1, 0.1, 0.1).factor(parse_key(key))

    wide = "conv 16>64 k1 s1 g1 112 relu"
    assert factor({ALL: 0.9}, wide) == 0.9
    assert factor({ALL: 0.9, "pointwise": 1.1, "pointwise 112": 0.5, "se": 5.0}, wide) == pytest.approx(0.495)
    assert factor({"pointwise": 0.7, "se": 2.0}, wide) == 0.7  # a table whose kinds have factors and nothing else


def test_kinds_of_a_network() -> None:
    kinds = {entry.name: kind(entry) for entry in entries(lower(known("mobilenet_v3_small")))}
    assert kinds["stem"] == "stem"
    assert (kinds["s1b0_expand"], kinds["s1b0_depthwise"], kinds["s1b1_project"]) == (
        "pointwise", "depthwise", "project",
    )  # fmt: skip
    assert (kinds["s0b0_se"], kinds["head_pool"], kinds["head_classifier"]) == ("se", "head", "head")
    assert kind(parse_key("add 8 4")) == "other"


def test_traits_by_hand() -> None:
    depthwise = parse_key("conv 72>72 k5 s2 g72 56 relu")
    assert traits(depthwise) == ("all", "depthwise", "depthwise 56", "depthwise k5 s2", "depthwise relu")
    assert traits(parse_key("se 72>24 28")) == ("all", "se", "se 28")
    assert traits(parse_key("linear 960>1280 hswish")) == ("all", "head")
